/** The areas that are charted, two at most, and how one comes about: drawn, loaded, or picked from those saved. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { ApiError, keepApiKey } from "../api";
import { errorMessage } from "../errors";
import { formatArea } from "../numbers";
import { inView, zoomTo } from "../map";
import { CornerEditor } from "./corner_editor";
import { Drawing } from "./drawing";
import { NoPolygonsError, readShapeFile, ShapeFileError } from "./geojson_file";
import { Outlines } from "./outlines";
import { DECIMALS, areaKm2, boundsOf, polygonOf, polygonsOf, type Area, type Position, type Shape } from "./polygon";
import { findAreas, readArea, saveArea } from "./saved";
import { AreaSection, type SaveWish } from "./section";

export interface AreaEvents {
  /** The areas are others now, or have another shape. */
  readonly changed: (areas: readonly Area[]) => void;
  /** Ids of the products whose series a saved area keeps. */
  readonly products: () => readonly string[];
  /** Whether an archive is known that brings what the layer reads. */
  readonly canStayFresh: () => boolean;
  /** A file of lines was dropped. */
  readonly lines: (file: File) => void;
}

/** Only the first polygons of a longer file are listed. */
const MOST_LISTED = 500;
/** A drawn area of more corners does not fit a link that people send. */
const MOST_LINKED = 60;

export class Areas {
  readonly #map: MapLibreMap;
  readonly #events: AreaEvents;
  readonly #section: AreaSection;
  readonly #drawing: Drawing;
  readonly #editor: CornerEditor;
  readonly #outlines: Outlines;
  #areas: readonly Area[] = [];
  /** Whether the next area is a second one. */
  #isAdding = false;
  #finding = new AbortController();

  constructor(map: MapLibreMap, events: AreaEvents) {
    this.#map = map;
    this.#events = events;
    this.#outlines = new Outlines(map);
    this.#drawing = new Drawing(map, "polygon", {
      sketched: (corners, pointer) => this.#sketch(corners, pointer),
      drawn: (corners) => this.#add({ id: null, name: this.#isAdding ? "Second area" : "Drawn area", shape: polygonOf(corners) }, false),
      cancelled: () => this.#showAreas(),
    });
    this.#editor = new CornerEditor(map, { changed: (shape, isDone) => this.#reshape(shape, isDone) });
    this.#section = new AreaSection({
      draw: () => this.#draw(),
      finish: () => this.#drawing.finish(),
      undo: () => this.#drawing.undo(),
      cancel: () => this.#drawing.cancel(),
      files: (files) => void this.#load(files),
      dropped: (files) => void this.#load(files, true),
      browse: () => void this.#find(""),
      search: (text) => void this.#find(text),
      zoom: (slot) => this.#zoom(slot),
      remove: (slot) => this.#remove(slot),
      canStayFresh: events.canStayFresh,
      save: (slot, wish) => void this.#save(slot, wish),
    });
  }

  /** A click on the map sets a corner now, and asks for no value. */
  get isDrawing(): boolean {
    return this.#drawing.isOn;
  }

  cancelDrawing(): void {
    this.#drawing.cancel();
  }

  /** Ask for a second area, to compare with. */
  addSecond(): void {
    this.#isAdding = true;
    this.#section.showAreas(this.#areas, true);
  }

  /** Go on with the first area alone. */
  dropSecond(): void {
    if (this.#areas.length > 1) this.#remove(1);
    else if (this.#isAdding) this.#showAreas();
  }

  /** Count over this area alone. */
  setArea(area: Area): void {
    this.#drawing.cancel();
    this.#isAdding = false;
    this.#add(area, false);
  }

  clear(): void {
    this.#drawing.cancel();
    this.#areas = [];
    this.#notify();
  }

  /** The first area for a link: its id, or its corners as lng,lat;lng,lat. */
  get link(): string | null {
    const first = this.#areas[0];
    if (!first) return null;
    if (first.id !== null) return first.id;
    const rings = polygonsOf(first.shape).flat();
    const ring = rings.length === 1 ? rings[0]!.slice(0, -1) : [];
    if (!ring.length || ring.length > MOST_LINKED) return null;
    return ring.map(([lng = 0, lat = 0]) => `${lng.toFixed(DECIMALS)},${lat.toFixed(DECIMALS)}`).join(";");
  }

  /** Take up the area of a link, and go there where the link names no view. */
  async restore(link: string, isFromAfar: boolean): Promise<void> {
    const corners = link.split(";").map((pair) => pair.split(",").map(Number));
    const isShape = corners.length >= 3 && corners.every(([lng, lat]) => Math.abs(lng!) <= 540 && Math.abs(lat!) <= 90);
    try {
      if (isShape) this.#add({ id: null, name: "Drawn area", shape: polygonOf(corners) }, isFromAfar);
      else if (/^\d+$/.test(link)) this.#add(await readArea(link), isFromAfar);
    } catch (error) {
      this.#section.setHint(errorMessage(error), "error");
    }
  }

  #draw(): void {
    this.#outlines.show(this.#shapes(), null);
    this.#editor.edit(null);
    this.#drawing.start();
  }

  #sketch(corners: readonly Position[], pointer: Position | null): void {
    const slot = this.#isAdding ? 1 : 0;
    this.#outlines.show(this.#shapes(), null, { corners, pointer, slot });
    this.#section.showSketch(corners.length, corners.length < 3 ? 0 : areaKm2(polygonOf(corners)));
  }

  #add(area: Area, isFromAfar: boolean): void {
    const first = this.#areas[0];
    this.#areas = this.#isAdding && first ? [first, area] : [area];
    this.#notify();
    if (isFromAfar) zoomTo(this.#map, boundsOf(area.shape)); // beside the chart that has opened by now
  }

  #remove(slot: number): void {
    this.#areas = this.#areas.filter((_, index) => index !== slot);
    this.#notify();
  }

  #notify(): void {
    this.#showAreas();
    this.#events.changed(this.#areas);
  }

  /** Show the areas as they are. */
  #showAreas(): void {
    this.#isAdding = false;
    const changing = this.#areas.length - 1;
    this.#section.showAreas(this.#areas, false);
    this.#outlines.show(this.#shapes(), changing < 0 ? null : changing);
    this.#editor.edit(this.#areas[changing]?.shape ?? null);
  }

  #reshape(shape: Shape, isDone: boolean): void {
    const slot = this.#areas.length - 1;
    const area = this.#areas[slot]!;
    const name = area.id === null ? area.name : `${area.name} (edited)`;
    this.#areas = this.#areas.with(slot, { id: null, name, shape });
    if (isDone) return this.#notify();
    this.#outlines.show(this.#shapes(), slot);
    this.#section.updateSize(slot, areaKm2(shape));
  }

  /** Take up the polygons of a file; one that is dropped and has lines instead is a route. */
  async #load(files: readonly File[], isDropped = false): Promise<void> {
    const file = files[0];
    if (!file) return;
    this.#drawing.cancel();
    try {
      const found = await readShapeFile(file);
      const taken = found.map(({ name, shape }) => ({ id: null, name, shape }));
      if (taken.length === 1) return this.#add(taken[0]!, true);
      const choices = taken.slice(0, MOST_LISTED).map((area) => this.#choice(area));
      const rest = taken.length - choices.length;
      this.#section.showChoices(choices, rest > 0 ? `and ${rest} more` : "", false);
      this.#section.setHint(`${file.name} contains ${taken.length} polygons. Choose one.`);
    } catch (error) {
      if (isDropped && error instanceof NoPolygonsError && error.hasLines) return this.#events.lines(file);
      this.#section.setHint(error instanceof ShapeFileError ? error.message : errorMessage(error), "error");
    }
  }

  /** List saved areas: those in view, or those of a name wherever they are. */
  async #find(text: string): Promise<void> {
    this.#finding.abort();
    const controller = (this.#finding = new AbortController());
    try {
      const { areas, hasMore } = await findAreas(inView(this.#map), text, controller.signal);
      const none = text ? `No saved areas match “${text}”.` : "No saved areas in this part of the map.";
      const note = hasMore ? "There are more areas. Search by name or zoom in." : areas.length ? "" : none;
      this.#section.showChoices(areas.map((area) => this.#choice(area)), note, true);
    } catch (error) {
      if (!controller.signal.aborted) this.#section.setHint(errorMessage(error), "error");
    }
  }

  #choice(area: Area): { name: string; detail: string; pick: () => void } {
    return { name: area.name, detail: formatArea(areaKm2(area.shape)), pick: () => this.#add(area, true) };
  }

  async #save(slot: number, wish: SaveWish): Promise<void> {
    const area = this.#areas[slot];
    if (!area) return;
    if (wish.key) keepApiKey(wish.key);
    this.#section.setSaving(true);
    try {
      const saved = await saveArea(area.shape, wish, this.#events.products());
      this.#areas = this.#areas.with(slot, saved);
      this.#notify();
      this.#section.setHint(`“${saved.name}” has been saved.${wish.isFed ? " New data for it will be brought as it is published." : ""}`);
    } catch (error) {
      const isKeyNeeded = error instanceof ApiError && (error.status === 401 || error.status === 403);
      if (isKeyNeeded) this.#section.requestKey(error.message);
      else this.#section.setHint(errorMessage(error), "error");
    } finally {
      this.#section.setSaving(false);
    }
  }

  #zoom(slot: number): void {
    const area = this.#areas[slot];
    if (area) zoomTo(this.#map, boundsOf(area.shape));
  }

  #shapes(): Shape[] {
    return this.#areas.map(({ shape }) => shape);
  }
}
