/** From areas and the layer shown to the chart: what is asked, compared, and drawn as it comes. */

import { product as readProduct, type Cadence, type Entry, type ProductDetail, type ProductSummary, type TileJSON, type When } from "./api";
import type { Area } from "./area/polygon";
import { ChartCard } from "./chart/card";
import { readChange, readSeries, type Layer, type Series, type Span } from "./chart/series";
import { matchingStep, spanChoices, spanOf, usualCount } from "./chart/spans";
import { button } from "./dom";
import { errorMessage } from "./errors";
import { periodSpan } from "./periods";

export interface ChartViewEvents {
  /** A period chosen in the chart, for the map to show. */
  readonly period: (period: string) => void;
  readonly addArea: () => void;
  readonly dropArea: () => void;
  readonly close: () => void;
}

export class ChartView {
  readonly #card: ChartCard;
  readonly #events: ChartViewEvents;
  #products: readonly ProductSummary[] = [];
  #layer: Layer | null = null;
  #areas: readonly Area[] = [];
  #when: When = { period: "", windows: {} };
  /** A layer that compares windows is counted for those shown, unless its series is wanted. */
  #isOverTime = false;
  /** How many of the latest periods, and in which steps; by layer. */
  #count = 0;
  #step: Cadence | null = null;
  /** Id of a second layer. */
  #comparedId: string | null = null;
  #counting = new AbortController();

  constructor(events: ChartViewEvents) {
    this.#events = events;
    this.#card = new ChartCard({
      choose: (period) => this.#choose(period),
      compare: (choice) => this.#compare(choice),
      span: (count, step) => {
        this.#count = count;
        this.#step = step;
        void this.#refresh();
      },
      overTime: (isOverTime) => {
        this.#isOverTime = isOverTime;
        void this.#refresh();
      },
      close: events.close,
    });
  }

  /** Ids of the layers charted. */
  get layers(): readonly string[] {
    return [...(this.#layer && this.#layer.kind !== "rgb" ? [this.#layer.id] : []), ...(this.#comparedId ? [this.#comparedId] : [])];
  }

  setProducts(products: readonly ProductSummary[]): void {
    this.#products = products;
  }

  /** The map shows this layer and time. */
  setLayer(product: ProductDetail, when: When, tilejson: TileJSON): void {
    this.#when = when;
    this.#card.selectPeriod(when.period);
    const before = this.#layer;
    if (before?.id === product.id && isSamePeriods(before.periods, product.periods)) {
      if (before.isComparing && !this.#isOverTime) void this.#refresh();
      return;
    }
    this.#layer = layerOf(product, tilejson);
    if (before?.id === product.id && this.#count < before.periods.length) return void this.#refresh(); // new periods of a part chosen
    this.#count = usualCount(spanChoices(this.#layer));
    if (before?.id !== product.id) this.#step = null;
    if (this.#comparedId === product.id) this.#comparedId = null;
    void this.#refresh();
  }

  setAreas(areas: readonly Area[]): void {
    this.#areas = areas;
    if (areas.length > 1) this.#comparedId = null;
    void this.#refresh();
  }

  #compare(choice: string): void {
    this.#comparedId = choice.startsWith("product:") ? choice.slice("product:".length) : null;
    if (choice === "area") return this.#events.addArea();
    if (this.#areas.length > 1) return this.#events.dropArea(); // comes back through `setAreas`
    this.#events.dropArea();
    void this.#refresh();
  }

  async #refresh(): Promise<void> {
    this.#counting.abort();
    const controller = (this.#counting = new AbortController());
    const [layer, area] = [this.#layer, this.#areas[0]];
    if (!layer || !area) return this.#card.hide();
    const isChange = layer.isComparing && !this.#isOverTime;
    this.#card.setView(isChange ? "change" : "series", layer.isComparing);
    if (layer.kind === "rgb") return this.#card.showError(layer.title, "This layer is an image and has no values to chart. Choose another layer.");
    if (isChange) return this.#drawChange(layer, controller.signal);
    const span = spanOf(layer, this.#count, this.#step);
    if (!span) return this.#card.showError(layer.title, "This layer has no data yet.");
    const compared = this.#areas.length > 1 ? "area" : this.#comparedId ? `product:${this.#comparedId}` : "";
    this.#card.setOptions(layer, this.#count, this.#step, this.#others(layer), compared);
    this.#card.showLoading(layer, area);
    try {
      const second = await this.#second(layer, controller.signal);
      await this.#draw(layer, area, span, second, controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) this.#fail(layer, error);
    }
  }

  /** What the windows shown come to over each area. */
  async #drawChange(layer: Layer, signal: AbortSignal): Promise<void> {
    this.#card.showLoading(layer, this.#areas[0]!);
    try {
      const read = this.#areas.map(async (area) => ({ layer, area, entries: [...(await readChange(layer, area, this.#when, signal))] }));
      this.#card.showChange(await Promise.all(read));
    } catch (error) {
      if (!signal.aborted) this.#fail(layer, error);
    }
  }

  /** Ask for one or two series, and draw them as they come. */
  async #draw(layer: Layer, area: Area, span: Span, second: Series | null, signal: AbortSignal): Promise<void> {
    const all = [{ layer, area }, ...(second ? [second] : [])];
    const spans = all.map((each) => (each.layer === layer ? span : { ...span, step: matchingStep(each.layer, layer, span.step) }));
    const entries: Entry[][] = all.map(() => []);
    const names = all.map((each) => (second && second.layer !== layer ? each.layer.title : each.area.name));
    const show = (isComplete: boolean): void => {
      const series = all.map((each, index) => ({ layer: each.layer, area: each.area, entries: entries[index]! }));
      this.#card.showSeries(series, names, span, isComplete ? 1 : Math.min(0.99, shareOf(entries, span)));
      this.#card.selectPeriod(this.#when.period);
    };
    const read = async (index: number): Promise<void> => {
      for await (const entry of readSeries(all[index]!.layer, all[index]!.area, spans[index]!, signal)) {
        entries[index]!.push(entry);
        show(false);
      }
    };
    await Promise.all(all.map((_, index) => read(index)));
    show(true);
  }

  async #second(layer: Layer, signal: AbortSignal): Promise<Series | null> {
    const [first, other] = this.#areas;
    if (other) return { layer, area: other, entries: [] };
    if (!this.#comparedId) return null;
    return { layer: layerOf(await readProduct(this.#comparedId, signal)), area: first!, entries: [] };
  }

  #others(layer: Layer): (readonly [id: string, title: string])[] {
    const countable = this.#products.filter(({ id, kind, periods }) => id !== layer.id && kind !== "rgb" && periods.count > 0);
    return countable.map(({ id, title }) => [id, title] as const);
  }

  /** The map shows the period itself, or the last one within a longer step. */
  #choose(period: string): void {
    const shown = this.#layer?.periods.findLast((each) => each.startsWith(period));
    if (shown) this.#events.period(shown);
  }

  #fail(layer: Layer, error: unknown): void {
    this.#counting.abort();
    const isCompared = this.#comparedId !== null || this.#areas.length > 1;
    const again = button("Try again", () => void this.#refresh());
    this.#card.showError(layer.title, errorMessage(error), again, ...(isCompared ? [button("Remove comparison", () => this.#compare(""))] : []));
  }
}

function isSamePeriods(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.at(-1) === others.at(-1);
}

function layerOf(product: ProductDetail, tilejson: TileJSON | null = null): Layer {
  const { id, title, unit, kind, cadence, classes, counted, periods, windows } = product;
  return {
    ...{ id, title, unit, kind, cadence, periods },
    colors: new Map(classes.map(({ name, color }) => [name, color])),
    absent: new Map((tilejson?.legend.absent ?? []).flatMap(({ state, color }) => (state ? [[state, color]] : []))),
    counted: counted.map(({ name }) => name),
    isComparing: windows.length > 0,
  };
}

/** How much of the time asked for has come, 0 to 1. */
function shareOf(entries: readonly (readonly Entry[])[], { first, last }: Span): number {
  const [begin] = periodSpan(first);
  const [, end] = periodSpan(last);
  const shares = entries.map((list) => (list.length ? (periodSpan(list.at(-1)!.period)[1] - begin) / (end - begin) : 0));
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
