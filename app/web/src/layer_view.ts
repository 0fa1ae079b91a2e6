/** The layer on the map: how one is opened, which period and windows are shown, and what the panel says about it. */

import type { Map as MapLibreMap } from "maplibre-gl";
import * as api from "./api";
import { errorMessage, isClientError, whyEmpty } from "./errors";
import { FreshnessLine } from "./freshness";
import { leastZoom, TileLayer } from "./tile_layer";
import type { Link, Step } from "./link";
import { isInView, zoomTo } from "./map";
import { Panel } from "./panel";
import { PeriodControl } from "./period_control";
import { isPeriod, periodLabel } from "./periods";
import type { Status } from "./status";
import { SwipeControl } from "./swipe/swipe_control";
import { WindowsControl } from "./windows_control";

export interface Shown {
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

export interface LayerViewEvents {
  /** This is known now; its tiles follow. */
  readonly shown: (shown: Shown, step: Step) => void;
  /** The link is another now. */
  readonly swiped: () => void;
}

export class LayerView {
  readonly #map: MapLibreMap;
  readonly #status: Status;
  readonly #events: LayerViewEvents;
  readonly #panel: Panel;
  readonly #periods: PeriodControl;
  readonly #windows: WindowsControl;
  readonly #freshness = new FreshnessLine();
  readonly #tiles: TileLayer;
  readonly #swipeControl: SwipeControl;
  #opened: api.ProductDetail | null = null;
  /** Chosen for the layer opened; other windows follow from the period. */
  #chosen: api.Windows = {};
  #shown: Shown | null = null;
  /** Aborted when a newer request begins. */
  #controller = new AbortController();

  constructor(map: MapLibreMap, status: Status, events: LayerViewEvents) {
    this.#map = map;
    this.#status = status;
    this.#events = events;
    this.#panel = new Panel({
      choose: (id) => void this.open(id, { period: this.#shown?.when.period ?? null }, "push"),
      opacity: (share) => this.#setOpacity(share),
      zoomToLayer: () => this.#opened?.bbox && zoomTo(map, this.#opened.bbox),
    });
    this.#periods = new PeriodControl((period, passing) => this.#show(period, passing ? "replace" : "push"));
    this.#windows = new WindowsControl((windows) => void this.#setWindows(windows, "push"));
    this.#tiles = new TileLayer(map, {
      loading: (isLoading) => status.setBusy("tiles", isLoading),
      failed: (reason) => this.showError(reason, () => void this.#showAgain()),
    });
    this.#swipeControl = new SwipeControl(map, {
      changed: (isOn, isAnother) => {
        this.#tiles.setHidden(isOn);
        this.#panel.hideLegend(isAnother);
      },
      chosen: events.swiped,
      failed: (error) => this.showError(errorMessage(error), () => void this.#showAgain()),
      tilesFailed: (reason) => this.showError(reason, () => void this.#showAgain()),
    });
    this.#setOpacity(this.#panel.opacity);
  }

  /** Id of the layer chosen, which may have nothing to show. */
  get opened(): string | null {
    return this.#opened?.id ?? null;
  }

  /** What the map shows; null until there is something, and where windows cannot be compared. */
  get shown(): Shown | null {
    return this.#shown;
  }

  /** The earlier picture of a swipe, for a link. */
  get swipe(): string | null {
    return this.#swipeControl.link;
  }

  /** Show that the layers are loading, or no longer. */
  setLoading(isLoading: boolean): void {
    this.#panel.setLoading(isLoading);
    this.#status.setBusy("answer", isLoading);
  }

  setProducts(products: readonly api.ProductSummary[]): void {
    this.#panel.setProducts(products);
    this.#swipeControl.setProducts(products);
  }

  /** Begin with a swipe, its earlier picture as a link names it. */
  startSwipe(earlier: string): void {
    this.#swipeControl.setActive(true, earlier);
  }

  async open(id: string, wanted: Wanted, step: Step, view: api.Place | null = null): Promise<void> {
    const controller = this.#newRequest();
    try {
      const product = await api.product(id, controller.signal);
      const isComparing = product.windows.length > 0;
      const periods = isComparing && product.cadence ? await api.collectionPeriods(product.collection, controller.signal) : [];
      const isKnown = wanted.period && (product.periods.includes(wanted.period) || (isComparing && isPeriod(wanted.period)));
      const period = isKnown ? wanted.period : product.periods.at(-1);
      const isFirst = this.#opened === null;
      this.#opened = product;
      this.#chosen = isComparing ? (wanted.windows ?? {}) : {};
      this.#panel.showProduct(product);
      this.#freshness.setProduct(product);
      this.#periods.setProduct(product, period ?? "");
      this.#windows.setOptions(product, periods, this.#chosen);
      this.#tiles.clear();
      this.#swipeControl.clear();
      if (product.bbox && !view && (isFirst || !isInView(this.#map, product.bbox))) {
        zoomTo(this.#map, product.bbox, !isFirst);
      }
      if (period) {
        await this.#show(period, step);
        if (wanted.period && !isKnown && step !== "push") this.#sayNotThere(product, wanted.period, period);
      } else {
        const why = await whyEmpty(product, controller.signal);
        this.#status.setBusy("answer", false);
        this.#status.showHint(why, () => void this.open(id, wanted, step), "Check again");
      }
    } catch (error) {
      if (!controller.signal.aborted) this.showError(errorMessage(error), () => void this.open(id, wanted, step, view));
    }
  }

  /** Go where the browser's back or forward button leads. */
  async follow(link: Link): Promise<void> {
    if (link.product && link.product !== this.#opened?.id) {
      await this.open(link.product, link, "none", link.view);
      if (link.view) this.#map.jumpTo({ center: link.view, zoom: link.view.zoom });
    } else if (link.period && (link.period !== this.#shown?.when.period || !isSame(link.windows, this.#chosen))) {
      this.#selectPeriod(link.period);
      this.#windows.select((this.#chosen = link.windows));
      await this.#show(link.period, "none");
    }
  }

  /** Go to a period that something else than its control names. */
  goTo(period: string): void {
    if (period === this.#shown?.when.period) return;
    this.#selectPeriod(period);
    void this.#show(period, "push");
  }

  /** Layers have other periods than before; a reader at the latest period moves on to the new one. */
  async updateProducts(products: readonly api.ProductSummary[]): Promise<void> {
    const [opened, shown] = [this.#opened, this.#shown];
    const now = products.find(({ id }) => id === opened?.id)?.periods;
    if (!opened || !now) return;
    if (now.count === opened.periods.length && now.last === (opened.periods.at(-1) ?? null)) return;
    const isLatest = !shown || shown.when.period === opened.periods.at(-1);
    const wanted = { period: isLatest ? null : shown.when.period, windows: this.#chosen };
    await this.open(opened.id, wanted, "replace", shown && this.#map.getCenter());
  }

  /** Redraw where scenes have come to the time shown. */
  async refreshTiles(): Promise<void> {
    void this.#freshness.refresh();
    const shown = this.#shown;
    if (!shown) return;
    const { tiles } = await api.tilejson(shown.product.id, shown.when);
    if (this.#shown === shown && tiles[0] !== shown.tilejson.tiles[0]) await this.#show(shown.when.period, "none");
  }

  /** Say what went wrong, and stop playing. */
  showError(text: string, action: () => void, label?: string): void {
    this.#periods.stop();
    this.#status.showError(text, action, label);
  }

  hintAtZoom(): void {
    this.#status.hintAtZoom(this.#shown ? leastZoom(this.#shown.tilejson) : 0);
  }

  #selectPeriod(period: string): void {
    this.#periods.stop();
    this.#periods.select(period);
  }

  /** Take other windows for the period that stands. */
  async #setWindows(windows: api.Windows, step: Step): Promise<void> {
    this.#periods.stop();
    this.#chosen = windows;
    this.#windows.select(windows);
    await this.#show(this.#periods.period, step);
  }

  async #show(period: string, step: Step): Promise<void> {
    const product = this.#opened;
    if (!product) return;
    const controller = this.#newRequest();
    const when = { period, windows: this.#chosen };
    try {
      const tilejson = await api.tilejson(product.id, when, controller.signal);
      this.#shown = { product, tilejson, when };
      this.#panel.showTileJson(product, tilejson);
      this.#windows.describe(tilejson);
      this.#swipeControl.setLayer(product, tilejson);
      this.#events.shown(this.#shown, step);
      this.hintAtZoom();
      const drawn = this.#tiles.show(tilejson, product.kind);
      this.#status.setBusy("answer", false);
      await drawn;
    } catch (error) {
      if (controller.signal.aborted) return;
      if (isClientError(error) && product.windows.length) this.#rejectWindows(errorMessage(error));
      else this.showError(errorMessage(error), () => void this.#show(period, step));
    }
  }

  /** These windows cannot be compared: what stood on the map before would pass for their difference. */
  #rejectWindows(why: string): void {
    this.#tiles.clear();
    this.#windows.clearDescription();
    this.#swipeControl.clear();
    this.#shown = null;
    this.showError(why, () => void this.#setWindows({}, "push"), "Choose automatically");
  }

  async #showAgain(): Promise<void> {
    if (this.#shown) await this.#show(this.#shown.when.period, "none");
  }

  /** A link names a period the layer does not have: another one would pass for it. */
  #sayNotThere(product: api.ProductDetail, asked: string, period: string): void {
    if (this.#opened !== product || this.#shown?.when.period !== period) return;
    const name = isPeriod(asked) ? periodLabel(asked) : `“${asked}”`;
    this.#status.showHint(`This layer has nothing for ${name}. It shows ${periodLabel(period)}.`, () => {}, "Dismiss");
  }

  #setOpacity(share: number): void {
    this.#tiles.setOpacity(share);
    this.#swipeControl.setOpacity(share);
  }

  #newRequest(): AbortController {
    this.#controller.abort();
    this.#status.startRequest();
    return (this.#controller = new AbortController());
  }
}

function isSame(one: api.Windows, other: api.Windows): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => one[name] === other[name]);
}
