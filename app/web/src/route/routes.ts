/** The route that a layer is read along, and how it comes about: drawn, loaded, or picked from those saved. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { ApiError, keepApiKey, type ProductDetail, type When } from "../api";
import { Drawing } from "../area/drawing";
import { button } from "../dom";
import { errorMessage } from "../errors";
import { ShapeFileError, textOf } from "../geojson";
import { inView, zoomTo } from "../map";
import { RouteCard } from "./card";
import { boundsOf, linkOf, routeOf, routeOfLink, routesIn, type Route } from "./line";
import { findRoutes, readHistory, readProfile, readRoute, saveRoute } from "./profile";
import { RouteMap } from "./route_map";
import { RouteSection } from "./section";

export interface RoutesEvents {
  /** There is another route now, or none. */
  readonly changed: (route: Route | null) => void;
  /** A period of its history, for the map to show. */
  readonly period: (period: string) => void;
}

/** Only the first lines of a longer file are listed. */
const MOST_LISTED = 500;

export class Routes {
  readonly #map: MapLibreMap;
  readonly #events: RoutesEvents;
  readonly #drawn: RouteMap;
  readonly #drawing: Drawing;
  readonly #section: RouteSection;
  readonly #card: RouteCard;
  #route: Route | null = null;
  #product: ProductDetail | null = null;
  #when: When = { period: "", windows: {} };
  #isOverTime = false;
  #finding = new AbortController();
  #asking = new AbortController();

  constructor(map: MapLibreMap, events: RoutesEvents) {
    this.#map = map;
    this.#events = events;
    this.#drawn = new RouteMap(map);
    this.#drawing = new Drawing(map, "line", {
      sketched: (corners, pointer) => {
        this.#drawn.sketch(corners, pointer);
        this.#section.showSketch(corners.length);
      },
      drawn: (corners) => this.#set(routeOf("Drawn route", [corners]), false),
      cancelled: () => this.#show(),
    });
    this.#section = new RouteSection({
      draw: () => this.#drawing.start(),
      finish: () => this.#drawing.finish(),
      undo: () => this.#drawing.undo(),
      cancel: () => this.#drawing.cancel(),
      load: (text, name, precision) => this.#load(text, name, precision),
      file: (file, precision) => void this.#loadFile(file, precision),
      browse: () => void this.#find(""),
      search: (text) => void this.#find(text),
      zoom: () => this.#route && zoomTo(map, boundsOf(this.#route.line)),
      remove: () => this.clear(),
      save: (name, key) => void this.#save(name, key),
    });
    this.#card = new RouteCard({
      choose: events.period,
      marked: (segment) => this.#drawn.mark(segment),
      overTime: (isOverTime) => {
        this.#isOverTime = isOverTime;
        void this.refresh();
      },
      close: () => this.clear(),
    });
    map.on("mousemove", ({ point }) => this.#pointedAt(point));
  }

  /** A click on the map sets a point now, and asks for no value. */
  get isDrawing(): boolean {
    return this.#drawing.isOn;
  }

  cancelDrawing(): void {
    this.#drawing.cancel();
  }

  /** The route for a link: its id, or its positions. */
  get link(): string | null {
    return this.#route && linkOf(this.#route);
  }

  /** Take up the route of a link, and go there where the link names no view. */
  async restore(link: string, isFromAfar: boolean): Promise<void> {
    try {
      const route = /^\d+$/.test(link) ? await readRoute(link) : routeOfLink(link);
      if (route) this.#set(route, isFromAfar);
    } catch (error) {
      this.#section.setHint(errorMessage(error), "error");
    }
  }

  /** The map shows this layer and time. */
  setLayer(product: ProductDetail, when: When): void {
    const isSame = product === this.#product && this.#isOverTime;
    this.#product = product;
    this.#when = when;
    this.#card.selectPeriod(when.period);
    if (!isSame) void this.refresh();
  }

  /** Take up the line of a GeoJSON file. */
  open(file: File): void {
    void this.#loadFile(file, 5);
  }

  clear(): void {
    this.#drawing.cancel();
    if (this.#route) this.#set(null, false);
  }

  /** Ask again what the layer has along the route. */
  async refresh(): Promise<void> {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const [route, product] = [this.#route, this.#product];
    if (!route || !product) return this.#card.hide();
    if (product.kind !== "continuous") return this.#card.showError(product.title, "This layer has no numbers to read along a route. Choose another layer.");
    const isOverTime = this.#isOverTime && route.id !== null;
    this.#card.showLoading(route, product, isOverTime);
    try {
      if (isOverTime) this.#card.show({ route, product, history: await readHistory(route.id!, product.id, signal) });
      else this.#card.show({ route, product, profile: await readProfile(route, product.id, this.#when, signal) });
      this.#card.selectPeriod(this.#when.period);
    } catch (error) {
      if (signal.aborted) return;
      this.#card.showError(product.title, errorMessage(error), button("Try again", () => void this.refresh()));
    }
  }

  #set(route: Route | null, isFromAfar: boolean): void {
    if (route?.id !== this.#route?.id) this.#isOverTime = false;
    this.#route = route;
    this.#show();
    this.#events.changed(route);
    void this.refresh();
    if (route && isFromAfar) zoomTo(this.#map, boundsOf(route.line)); // beside the card that has opened by now
  }

  #show(): void {
    this.#section.showRoute(this.#route);
    this.#drawn.show(this.#route?.line ?? null);
  }

  /** A pointer near the route reads its profile there. */
  #pointedAt(point: { readonly x: number; readonly y: number }): void {
    const segments = this.#card.segments;
    if (segments.length && !this.#drawing.isOn) this.#card.point(this.#drawn.nearest(point, segments));
  }

  async #loadFile(file: File, precision: number): Promise<void> {
    try {
      this.#load(await textOf(file), file.name, precision);
    } catch (error) {
      this.#section.setHint(error instanceof ShapeFileError ? error.message : errorMessage(error), "error");
    }
  }

  #load(text: string, name: string, precision: number): void {
    this.#drawing.cancel();
    try {
      const found = routesIn(text, name, precision);
      if (found.length === 1) return this.#set(found[0]!, true);
      const rest = found.length - MOST_LISTED;
      this.#section.showChoices(found.slice(0, MOST_LISTED), rest > 0 ? `and ${rest} more` : "", false, (route) => this.#set(route, true));
      this.#section.setHint(`${name} contains ${found.length} lines. Choose one.`);
    } catch (error) {
      if (!(error instanceof ShapeFileError)) throw error;
      this.#section.setHint(error.message, "error");
    }
  }

  /** List saved routes: those in view, or those of a name wherever they are. */
  async #find(text: string): Promise<void> {
    this.#finding.abort();
    const { signal } = (this.#finding = new AbortController());
    try {
      const { routes, hasMore } = await findRoutes(inView(this.#map), text, signal);
      const none = text ? `No saved routes match “${text}”.` : "No saved routes in this part of the map.";
      const note = hasMore ? "There are more routes. Search by name or zoom in." : routes.length ? "" : none;
      this.#section.showChoices(routes, note, true, (route) => this.#set(route, true));
    } catch (error) {
      if (!signal.aborted) this.#section.setHint(errorMessage(error), "error");
    }
  }

  async #save(name: string, key: string): Promise<void> {
    const [route, product] = [this.#route, this.#product];
    if (!route || !product) return;
    if (key) keepApiKey(key);
    this.#section.setSaving(true);
    try {
      const saved = await saveRoute(route, name, product.kind === "continuous" ? [product.id] : []);
      this.#set(saved, false);
      this.#section.setHint(`“${saved.name}” has been saved.`);
    } catch (error) {
      const isKeyNeeded = error instanceof ApiError && (error.status === 401 || error.status === 403);
      if (isKeyNeeded) this.#section.requestKey(error.message);
      else this.#section.setHint(errorMessage(error), "error");
    } finally {
      this.#section.setSaving(false);
    }
  }
}
