/** The layer on the map: how one opens, which period and windows it stands on, and what the panel says of it. */

import type { Map as MapLibreMap } from "maplibre-gl";
import * as api from "./api";
import { isRefusal, whyEmpty, words } from "./errors";
import { leastZoom, TileLayer } from "./tile_layer";
import type { Link, Step } from "./link";
import { isInView, zoomTo } from "./map";
import { Panel } from "./panel";
import { PeriodControl } from "./period_control";
import { isPeriod } from "./periods";
import type { Status } from "./status";
import { Swiping } from "./swipe/swipe_control";
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

export interface ShowingEvents {
  /** This is known now; its tiles follow. */
  readonly shown: (shown: Shown, step: Step) => void;
  /** The link is another now. */
  readonly swiped: () => void;
}

export class Showing {
  readonly #map: MapLibreMap;
  readonly #status: Status;
  readonly #events: ShowingEvents;
  readonly #panel: Panel;
  readonly #periods: PeriodControl;
  readonly #windows: WindowsControl;
  readonly #tiles: TileLayer;
  readonly #swiping: Swiping;
  #opened: api.ProductDetail | null = null;
  /** Chosen for the layer opened; other windows follow from the period. */
  #chosen: api.Windows = {};
  #shown: Shown | null = null;
  /** Aborted when a newer request begins. */
  #turn = new AbortController();

  constructor(map: MapLibreMap, status: Status, events: ShowingEvents) {
    this.#map = map;
    this.#status = status;
    this.#events = events;
    this.#panel = new Panel({
      choose: (id) => void this.open(id, { period: this.#shown?.when.period ?? null }, "push"),
      opacity: (share) => this.#setOpacity(share),
      zoomToLayer: () => this.#opened?.bbox && zoomTo(map, this.#opened.bbox),
    });
    this.#periods = new PeriodControl((period, passing) => this.#show(period, passing ? "replace" : "push"));
    this.#windows = new WindowsControl((windows) => void this.#compare(windows, "push"));
    this.#tiles = new TileLayer(map, {
      loading: (isLoading) => status.await("tiles", isLoading),
      failed: (reason) => this.complain(reason, () => void this.#showAgain()),
    });
    this.#swiping = new Swiping(map, {
      changed: (isOn, isAnother) => {
        this.#tiles.setHidden(isOn);
        this.#panel.hideLegend(isAnother);
      },
      chosen: events.swiped,
      failed: (error) => this.complain(words(error), () => void this.#showAgain()),
      tilesFailed: (reason) => this.complain(reason, () => void this.#showAgain()),
    });
    this.#setOpacity(this.#panel.opacity);
  }

  /** Id of the layer chosen, which may have nothing to show. */
  get opened(): string | null {
    return this.#opened?.id ?? null;
  }

  /** What stands on the map; null until something does, and where nothing can be compared. */
  get shown(): Shown | null {
    return this.#shown;
  }

  /** The earlier picture of a swipe, for a link. */
  get swipe(): string | null {
    return this.#swiping.link;
  }

  /** Say that the layers are awaited, or that none came. */
  wait(isWaiting: boolean): void {
    this.#panel.wait(isWaiting);
    this.#status.await("answer", isWaiting);
  }

  offer(products: readonly api.ProductSummary[]): void {
    this.#panel.offer(products);
    this.#swiping.offer(products);
  }

  /** Begin with a swipe, its earlier picture as a link names it. */
  wantSwipe(earlier: string): void {
    this.#swiping.want(true, earlier);
  }

  async open(id: string, wanted: Wanted, step: Step, view: api.Place | null = null): Promise<void> {
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
      if (period) await this.#show(period, step);
      else {
        const why = await whyEmpty(product, turn.signal);
        this.#status.await("answer", false);
        this.#status.advise(why, () => void this.open(id, wanted, step), "Look again");
      }
    } catch (error) {
      if (!turn.signal.aborted) this.complain(words(error), () => void this.open(id, wanted, step, view));
    }
  }

  /** Go where the browser's back or forward button leads. */
  async follow(link: Link): Promise<void> {
    if (link.product && link.product !== this.#opened?.id) {
      await this.open(link.product, link, "none", link.view);
      if (link.view) this.#map.jumpTo({ center: link.view, zoom: link.view.zoom });
    } else if (link.period && (link.period !== this.#shown?.when.period || !isSame(link.windows, this.#chosen))) {
      this.#stand(link.period);
      this.#windows.stand((this.#chosen = link.windows));
      await this.#show(link.period, "none");
    }
  }

  /** Go to a period that something else than its control names. */
  goTo(period: string): void {
    if (period === this.#shown?.when.period) return;
    this.#stand(period);
    void this.#show(period, "push");
  }

  /** Layers have other periods than before; whoever stood on the latest goes on to the one that came. */
  async takeUp(products: readonly api.ProductSummary[]): Promise<void> {
    const [opened, shown] = [this.#opened, this.#shown];
    const now = products.find(({ id }) => id === opened?.id)?.periods;
    if (!opened || !now) return;
    if (now.count === opened.periods.length && now.last === (opened.periods.at(-1) ?? null)) return;
    const isLatest = !shown || shown.when.period === opened.periods.at(-1);
    const wanted = { period: isLatest ? null : shown.when.period, windows: this.#chosen };
    await this.open(opened.id, wanted, "replace", shown && this.#map.getCenter());
  }

  /** Draw anew where scenes have come to the time shown. */
  async renew(): Promise<void> {
    const shown = this.#shown;
    if (!shown) return;
    const { tiles } = await api.tilejson(shown.product.id, shown.when);
    if (this.#shown === shown && tiles[0] !== shown.tilejson.tiles[0]) await this.#show(shown.when.period, "none");
  }

  /** Say what went wrong, and stand still. */
  complain(text: string, action: () => void, label?: string): void {
    this.#periods.stop();
    this.#status.complain(text, action, label);
  }

  hintAtZoom(): void {
    this.#status.hintAtZoom(this.#shown ? leastZoom(this.#shown.tilejson) : 0);
  }

  #stand(period: string): void {
    this.#periods.stop();
    this.#periods.stand(period);
  }

  /** Take other windows for the period that stands. */
  async #compare(windows: api.Windows, step: Step): Promise<void> {
    this.#periods.stop();
    this.#chosen = windows;
    this.#windows.stand(windows);
    await this.#show(this.#periods.period, step);
  }

  async #show(period: string, step: Step): Promise<void> {
    const product = this.#opened;
    if (!product) return;
    const turn = this.#newTurn();
    const when = { period, windows: this.#chosen };
    try {
      const tilejson = await api.tilejson(product.id, when, turn.signal);
      this.#shown = { product, tilejson, when };
      this.#panel.draw(product, tilejson);
      this.#windows.say(tilejson);
      this.#swiping.stand(product, tilejson);
      this.#events.shown(this.#shown, step);
      this.hintAtZoom();
      const drawn = this.#tiles.show(tilejson, product.kind);
      this.#status.await("answer", false);
      await drawn;
    } catch (error) {
      if (turn.signal.aborted) return;
      if (isRefusal(error) && product.windows.length) this.#refuse(words(error));
      else this.complain(words(error), () => void this.#show(period, step));
    }
  }

  /** These windows cannot be compared: what stood on the map before would pass for their difference. */
  #refuse(why: string): void {
    this.#tiles.clear();
    this.#windows.hush();
    this.#swiping.leave();
    this.#shown = null;
    this.complain(why, () => void this.#compare({}, "push"), "Choose automatically");
  }

  async #showAgain(): Promise<void> {
    if (this.#shown) await this.#show(this.#shown.when.period, "none");
  }

  #setOpacity(share: number): void {
    this.#tiles.setOpacity(share);
    this.#swiping.setOpacity(share);
  }

  #newTurn(): AbortController {
    this.#turn.abort();
    this.#status.begin();
    return (this.#turn = new AbortController());
  }
}

function isSame(one: api.Windows, other: api.Windows): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => one[name] === other[name]);
}
