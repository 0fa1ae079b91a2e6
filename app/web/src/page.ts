/** The page as a whole: the layer, the period, the place and the areas now shown, and how one leads to the next. */

import type { Map as MapLibreMap } from "maplibre-gl";
import * as api from "./api";
import { Areas } from "./area/areas";
import { Charting } from "./charting";
import { element } from "./dom";
import { TileLayer } from "./layer";
import { readLink, writeLink, type Link } from "./link";
import { isInView, keepClearOf, onPlace, placeMarker, zoomTo } from "./map";
import { News } from "./news";
import type { Notice } from "./notice";
import { Panel } from "./panel";
import { isPeriod } from "./periods";
import { PeriodControl } from "./period_control";
import { shapeOf, whenOf, type Region } from "./regions/region";
import { Regions } from "./regions/regions";
import { ValueCard } from "./value_card";
import { Swiping } from "./swipe/swiping";
import { WindowsControl } from "./windows_control";

/** How a step is kept: as one the back button returns from, in place of the last, or not at all. */
type History = "push" | "replace" | "none";

interface Shown {
  readonly product: api.ProductDetail;
  readonly tilejson: api.TileJSON;
  /** As asked; the TileJSON tells what was used. */
  readonly when: api.When;
}

/** What to open a layer at; its latest period where none is named. */
interface Wanted {
  readonly period: string | null;
  readonly windows?: api.Windows;
}

export class Page {
  readonly #map: MapLibreMap;
  readonly #notice: Notice;
  readonly #panel: Panel;
  readonly #periods: PeriodControl;
  readonly #windows: WindowsControl;
  readonly #tiles: TileLayer;
  readonly #card: ValueCard;
  readonly #areas: Areas;
  readonly #charting: Charting;
  readonly #regions: Regions;
  readonly #swiping: Swiping;
  readonly #news: News;
  readonly #marker = placeMarker();
  #opened: api.ProductDetail | null = null;
  /** Chosen for the layer opened; other windows follow from the period. */
  #chosen: api.Windows = {};
  #shown: Shown | null = null;
  #place: api.Place | null = null;
  #hinting = false;
  readonly #awaited = new Set<"answer" | "tiles">();
  /** Each is aborted when a newer request of its kind begins. */
  #showing = new AbortController();
  #asking = new AbortController();

  constructor(map: MapLibreMap, notice: Notice) {
    this.#map = map;
    this.#notice = notice;
    this.#panel = new Panel({
      choose: (id) => void this.#open(id, { period: this.#shown?.when.period ?? null }, "push"),
      opacity: (share) => this.#setOpacity(share),
      zoomToLayer: () => this.#opened?.bbox && zoomTo(map, this.#opened.bbox),
    });
    this.#periods = new PeriodControl((period, passing) => this.#show(period, passing ? "replace" : "push"));
    this.#windows = new WindowsControl((windows) => void this.#compare(windows, "push"));
    this.#card = new ValueCard(() => this.#forget());
    this.#tiles = new TileLayer(map, {
      loading: (isLoading) => this.#await("tiles", isLoading),
      failed: (reason) => this.#complain(reason, () => void this.#showAgain()),
    });
    this.#swiping = new Swiping(map, {
      changed: (isOn, isAnother) => {
        this.#tiles.setHidden(isOn);
        this.#panel.hideLegend(isAnother);
      },
      chosen: () => this.#remember("replace"),
      failed: (error) => this.#complain(words(error), () => void this.#showAgain()),
      tilesFailed: (reason) => this.#complain(reason, () => void this.#showAgain()),
    });
    this.#setOpacity(this.#panel.opacity);
    keepClearOf(map, element("panel", HTMLElement), element("chart", HTMLElement));
    // Before the areas listen: the click that closes a shape must find them still drawing.
    onPlace(map, (place) => {
      if (this.#areas.isDrawing) return;
      this.#regions.ask(place);
      void this.#ask(place);
    });
    this.#regions = new Regions(map, {
      open: (region) => void this.#openRegion(region),
      count: (region) => {
        this.#areas.take({ id: null, name: region.region_name, shape: shapeOf(region) });
        void this.#openRegion(region);
      },
    });
    this.#charting = new Charting({
      period: (period) => this.#step(period),
      addArea: () => this.#areas.addSecond(),
      dropArea: () => this.#areas.dropSecond(),
      close: () => this.#areas.clear(),
    });
    this.#areas = new Areas(map, {
      changed: (areas) => {
        this.#charting.over(areas);
        this.#remember("replace");
      },
      products: () => this.#charting.layers,
    });
    map.on("moveend", () => {
      this.#remember("replace");
      this.#hintAtZoom();
    });
    window.addEventListener("popstate", () => void this.#follow(readLink(location.hash)));
    window.addEventListener("keydown", (event) => event.key === "Escape" && this.#leave());
    this.#news = new News({
      changed: (products, begun) => this.#takeUp(products, begun),
      heard: async () => {
        await this.#regions.refresh();
        await this.#renew();
      },
    });
    element("skip", HTMLButtonElement).addEventListener("click", () => map.getCanvas().focus());
  }

  /** Ask what there is, then open what the link names, or the first layer that has something to show. */
  async start(link: Link): Promise<void> {
    void this.#regions.refresh();
    this.#panel.wait(true);
    this.#await("answer", true);
    try {
      const products = await api.products();
      const named = products.find(({ id }) => id === link.product);
      const first = named ?? products.find(({ periods }) => periods.count > 0) ?? products[0];
      if (!first) throw new api.ApiError("This server offers no layers yet.", 0);
      this.#offer(products);
      if (link.swipe && named) this.#swiping.want(true, link.swipe);
      await this.#open(first.id, link, "replace", named ? link.view : null);
      if (link.at && named) await this.#ask(link.at);
      if (link.area && named) await this.#areas.restore(link.area, link.view === null);
      if (link.product && !named) this.#complain(`There is no layer “${link.product}” here.`, () => {}, "Dismiss");
    } catch (error) {
      this.#panel.wait(false);
      this.#complain(words(error), () => void this.start(link));
    }
  }

  #offer(products: readonly api.ProductSummary[]): void {
    this.#news.know(products);
    this.#panel.offer(products);
    this.#charting.offer(products);
    this.#swiping.offer(products);
  }

  /** Layers have other periods than before; whoever stood on the latest goes on to the one that came. */
  async #takeUp(products: readonly api.ProductSummary[], begun: readonly api.ProductSummary[]): Promise<void> {
    this.#offer(products);
    const [opened, shown] = [this.#opened, this.#shown];
    const now = products.find(({ id }) => id === opened?.id)?.periods;
    if (opened && now && (now.count !== opened.periods.length || now.last !== (opened.periods.at(-1) ?? null))) {
      const isLatest = !shown || shown.when.period === opened.periods.at(-1);
      const wanted = { period: isLatest ? null : shown.when.period, windows: this.#chosen };
      await this.#open(opened.id, wanted, "replace", shown && this.#map.getCenter());
    }
    const [first] = begun;
    if (!first || first.id === opened?.id || this.#notice.shown) return;
    const names = begun.map(({ title }) => `“${title}”`).join(", ");
    this.#notice.show(`There is something to see now: ${names}.`, () => void this.#open(first.id, { period: null }, "push"), "Show it", "hint");
  }

  /** Draw anew where scenes have come to the time shown. */
  async #renew(): Promise<void> {
    const shown = this.#shown;
    if (!shown) return;
    const { tiles } = await api.tilejson(shown.product.id, shown.when);
    if (this.#shown === shown && tiles[0] !== shown.tilejson.tiles[0]) await this.#show(shown.when.period, "none");
  }

  /** Go to a period that something else than its control names. */
  #step(period: string): void {
    if (period === this.#shown?.when.period) return;
    this.#periods.stop();
    this.#periods.stand(period);
    void this.#show(period, "push");
  }

  /** Go where the browser's back or forward button leads. */
  async #follow(link: Link): Promise<void> {
    if (link.product && link.product !== this.#opened?.id) {
      await this.#open(link.product, link, "none", link.view);
      if (link.view) this.#map.jumpTo({ center: link.view, zoom: link.view.zoom });
    } else if (link.period && (link.period !== this.#shown?.when.period || !isSame(link.windows, this.#chosen))) {
      this.#periods.stop();
      this.#periods.stand(link.period);
      this.#windows.stand((this.#chosen = link.windows));
      await this.#show(link.period, "none");
    }
    // What has been drawn since stays: the way back must not lose it.
    if (link.area && !this.#areas.link) await this.#areas.restore(link.area, false);
  }

  async #openRegion(region: Region): Promise<void> {
    const when = whenOf(region);
    if (when) await this.#open(region.product, when, "push", this.#map.getCenter());
  }

  async #open(id: string, wanted: Wanted, history: History, view: api.Place | null = null): Promise<void> {
    const turn = this.#newTurn();
    try {
      const product = await api.product(id, turn.signal);
      const isComparing = product.windows.length > 0;
      const periods = isComparing && product.cadence ? await api.collectionPeriods(product.collection, turn.signal) : [];
      const isKnown = wanted.period && (product.periods.includes(wanted.period) || (isComparing && isPeriod(wanted.period)));
      const period = isKnown ? wanted.period : product.periods.at(-1);
      const isFirst = this.#opened === null;
      this.#opened = product;
      this.#chosen = isComparing ? (wanted.windows ?? {}) : {};
      this.#panel.describe(product);
      this.#periods.offer(product.periods, period ?? "", product.roles[product.windows[0] ?? ""]?.title);
      this.#windows.offer(product, periods, this.#chosen);
      this.#tiles.clear();
      this.#swiping.leave();
      if (product.bbox && !view && (isFirst || !isInView(this.#map, product.bbox))) {
        zoomTo(this.#map, product.bbox, !isFirst);
      }
      if (period) await this.#show(period, history);
      else {
        const why = product.cadence ? await reasonOf(product, turn.signal) : "Nothing has been landed for this layer yet.";
        this.#await("answer", false);
        this.#notice.show(why, () => void this.#open(id, wanted, history), "Look again", "hint");
      }
    } catch (error) {
      if (!turn.signal.aborted) this.#complain(words(error), () => void this.#open(id, wanted, history, view));
    }
  }

  /** Take other windows for the period that stands. */
  async #compare(windows: api.Windows, history: History): Promise<void> {
    this.#periods.stop();
    this.#chosen = windows;
    this.#windows.stand(windows);
    await this.#show(this.#periods.period, history);
  }

  async #show(period: string, history: History): Promise<void> {
    const product = this.#opened;
    if (!product) return;
    const turn = this.#newTurn();
    const when = { period, windows: this.#chosen };
    try {
      const tilejson = await api.tilejson(product.id, when, turn.signal);
      this.#shown = { product, tilejson, when };
      this.#panel.draw(product, tilejson);
      this.#windows.say(tilejson);
      this.#charting.stand(product, when, tilejson);
      this.#swiping.stand(product, tilejson);
      this.#remember(history);
      this.#hintAtZoom();
      if (this.#place) void this.#ask(this.#place);
      const drawn = this.#tiles.show(tilejson, product.kind);
      this.#await("answer", false);
      await drawn;
    } catch (error) {
      if (turn.signal.aborted) return;
      if (isRefusal(error) && product.windows.length) this.#refuse(words(error));
      else this.#complain(words(error), () => void this.#show(period, history));
    }
  }

  /** These windows cannot be compared: what stood on the map before would pass for their difference. */
  #refuse(why: string): void {
    this.#tiles.clear();
    this.#windows.hush();
    this.#swiping.leave();
    this.#shown = null;
    this.#complain(why, () => void this.#compare({}, "push"), "Choose automatically");
  }

  async #showAgain(): Promise<void> {
    if (this.#shown) await this.#show(this.#shown.when.period, "none");
  }

  async #ask(place: api.Place): Promise<void> {
    if (!this.#shown) return;
    const { product, tilejson, when } = this.#shown;
    this.#asking.abort();
    const turn = (this.#asking = new AbortController());
    this.#place = place;
    this.#marker.setLngLat(place).addTo(this.#map);
    this.#card.wait();
    this.#remember("replace");
    try {
      const answer = await api.point(product.id, place, when, turn.signal);
      this.#card.show(answer, tilejson.legend);
    } catch (error) {
      if (!turn.signal.aborted) this.#card.fail(error);
    }
  }

  /** Escape leaves the drawing, then the chosen place. */
  #leave(): void {
    if (this.#areas.isDrawing) this.#areas.cancelDrawing();
    else this.#forget();
  }

  #forget(): void {
    if (!this.#place) return;
    this.#asking.abort();
    this.#place = null;
    this.#marker.remove();
    this.#card.hide();
    this.#remember("replace");
  }

  #setOpacity(share: number): void {
    this.#tiles.setOpacity(share);
    this.#swiping.setOpacity(share);
  }

  #newTurn(): AbortController {
    this.#showing.abort();
    this.#notice.clear();
    this.#hinting = false;
    this.#await("answer", true);
    return (this.#showing = new AbortController());
  }

  #complain(text: string, action: () => void, label?: string): void {
    this.#periods.stop();
    this.#hinting = false;
    this.#await("answer", false);
    this.#notice.show(text, action, label);
  }

  /** The bar above the map runs while anything is awaited. */
  #await(what: "answer" | "tiles", isAwaited: boolean): void {
    if (isAwaited) this.#awaited.add(what);
    else this.#awaited.delete(what);
    this.#map.getContainer().setAttribute("aria-busy", String(this.#awaited.size > 0));
  }

  /** Tiles begin at a zoom; from further away the map would only look empty. */
  #hintAtZoom(): void {
    const nearest = this.#shown ? leastZoom(this.#shown.tilejson) : 0;
    const tooFar = this.#map.getZoom() < nearest;
    if (tooFar && !this.#notice.shown) {
      this.#notice.show("This layer is drawn from closer by.", () => this.#map.zoomTo(nearest + 0.1), "Zoom in", "hint");
      this.#hinting = true;
    } else if (!tooFar && this.#hinting) {
      this.#notice.clear();
      this.#hinting = false;
    }
  }

  #remember(history: History): void {
    if (!this.#shown || history === "none") return;
    const { lng, lat } = this.#map.getCenter().wrap();
    const link = writeLink({
      product: this.#shown.product.id,
      period: this.#shown.when.period,
      windows: this.#shown.when.windows,
      view: { zoom: this.#map.getZoom(), lng, lat },
      at: this.#place,
      area: this.#areas.link,
      swipe: this.#swiping.link,
    });
    if (link === location.hash) return;
    if (history === "push") window.history.pushState(null, "", link);
    else window.history.replaceState(null, "", link);
  }
}

/** MapLibre counts zooms in tiles of 512 px. */
function leastZoom({ minzoom }: api.TileJSON): number {
  return minzoom - Math.log2(512 / api.TILE_SIZE);
}

function isSame(one: api.Windows, other: api.Windows): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => one[name] === other[name]);
}

/** The request was understood, and asks for something that there is not. */
function isRefusal(error: unknown): boolean {
  return error instanceof api.ApiError && error.status >= 400 && error.status < 500;
}

/** Why a layer whose collection has data shows none. */
async function reasonOf(product: api.ProductDetail, signal: AbortSignal): Promise<string> {
  try {
    await api.tilejson(product.id, null, signal);
  } catch (error) {
    if (isRefusal(error)) return words(error);
    throw error;
  }
  return "This layer has data now.";
}

function words(error: unknown): string {
  if (error instanceof api.ApiError) return error.message;
  console.error(error);
  return "The page met an error it does not know. Reloading it may help.";
}
