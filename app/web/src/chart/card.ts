/** The card of a chart: what it shows, how far it has come, and what can be done with it. */

import type { Cadence, Entry } from "../api";
import type { Area } from "../area/polygon";
import { build, element } from "../dom";
import { swatch } from "../legend";
import { formatShare, formatUnit, formatValue } from "../numbers";
import { periodLabel } from "../periods";
import { drawChange } from "./change";
import { Cursor } from "./cursor";
import { litName, thresholdsOf } from "./lit";
import { csvOf, drawTable } from "./numbers_table";
import { drawPlot } from "./plot";
import type { Layer, Series, Span } from "./series";
import { longerSteps, spanChoices } from "./spans";

export interface CardEvents {
  /** A period of the chart, for the map to show. */
  readonly choose: (period: string) => void;
  /** "", "product:ID" or "area". */
  readonly compare: (choice: string) => void;
  readonly span: (count: number, step: Cadence | null) => void;
  /** A layer that compares windows: over time, or for the windows shown. */
  readonly overTime: (isOverTime: boolean) => void;
  readonly close: () => void;
}

const STEP_NAMES: Record<Cadence, string> = { hour: "Hours", day: "Days", month: "Months", year: "Years" };

export class ChartCard {
  readonly #card = element("chart", HTMLElement);
  readonly #title = element("chart-title", HTMLHeadingElement);
  readonly #subtitle = element("chart-subtitle", HTMLParagraphElement);
  readonly #compare = element("compare", HTMLSelectElement);
  readonly #length = element("chart-length", HTMLSelectElement);
  readonly #step = element("chart-step", HTMLSelectElement);
  readonly #numbers = element("chart-numbers", HTMLButtonElement);
  readonly #csv = element("chart-csv", HTMLButtonElement);
  readonly #notice = element("chart-notice", HTMLDivElement);
  readonly #plot = element("plot", HTMLDivElement);
  readonly #picture = element("plot-picture", HTMLDivElement);
  readonly #table = element("chart-table", HTMLDivElement);
  readonly #key = element("chart-key", HTMLUListElement);
  readonly #change = element("chart-change", HTMLDivElement);
  readonly #view = element("chart-view", HTMLButtonElement);
  readonly #cursor: Cursor;
  #series: readonly Series[] = [];
  #names: readonly string[] = [];
  #span: Span | null = null;
  #redrawing = 0;

  constructor(events: CardEvents) {
    this.#cursor = new Cursor(element("plot-reach", HTMLDivElement), element("plot-tip", HTMLDivElement), { choose: events.choose });
    this.#compare.addEventListener("change", () => events.compare(this.#compare.value));
    for (const select of [this.#length, this.#step]) {
      select.addEventListener("change", () => events.span(Number(this.#length.value), (this.#step.value || null) as Cadence | null));
    }
    this.#numbers.addEventListener("click", () => this.#showNumbers(this.#table.hidden === true));
    this.#view.addEventListener("click", () => events.overTime(this.#card.dataset["view"] === "change"));
    this.#csv.addEventListener("click", () => this.#download());
    element("chart-close", HTMLButtonElement).addEventListener("click", events.close);
    new ResizeObserver(() => this.#drawSoon()).observe(this.#plot);
  }

  hide(): void {
    this.#card.hidden = true;
    this.#series = [];
  }

  /** Show series, or what the windows shown come to; a layer that compares windows has both. */
  setView(view: "series" | "change", hasBoth: boolean): void {
    if (this.#card.dataset["view"] !== view) this.#series = [];
    this.#card.dataset["view"] = view;
    this.#view.hidden = !hasBoth;
    this.#view.textContent = view === "change" ? "Over time" : "Selected dates";
    this.#change.hidden = view === "series";
    if (view === "series") return;
    this.#plot.hidden = this.#table.hidden = this.#key.hidden = true;
  }

  /** Show what the windows come to over each area. */
  showChange(parts: readonly Series[]): void {
    this.#series = parts;
    this.#notice.hidden = true;
    const { layer } = parts[0]!;
    const names = parts.map(({ area }) => area.name);
    this.#title.textContent = layer.title;
    this.#subtitle.textContent = names.join(" and ");
    element("chart-synthetic", HTMLSpanElement).hidden = !parts.some(({ entries }) => entries.some(({ synthetic }) => synthetic));
    this.#change.replaceChildren(...drawChange(parts, names));
    this.#card.setAttribute("aria-busy", "false");
    this.#csv.disabled = false;
  }

  /** Offer lengths, steps and what to compare with. */
  setOptions(layer: Layer, count: number, step: Cadence | null, others: readonly (readonly [id: string, title: string])[], compared: string): void {
    const choices = spanChoices(layer);
    this.#length.replaceChildren(...choices.map((choice) => new Option(choice.label, String(choice.count), false, choice.count === count)));
    this.#length.parentElement!.hidden = choices.length < 2;
    const steps = longerSteps(layer);
    const own = layer.cadence ? STEP_NAMES[layer.cadence] : "Periods";
    this.#step.replaceChildren(new Option(own, ""), ...steps.map((each) => new Option(STEP_NAMES[each], each, false, each === step)));
    this.#step.parentElement!.hidden = steps.length === 0;
    const group = document.createElement("optgroup");
    group.label = "Another layer";
    group.append(...others.map(([id, title]) => new Option(title, `product:${id}`)));
    const area = new Option("A second area", "area");
    this.#compare.replaceChildren(new Option("Compare with…", ""), area, ...(others.length ? [group] : []));
    this.#compare.value = compared;
    if (this.#compare.selectedIndex < 0) this.#compare.value = "";
  }

  /** Counting begins; what was drawn before stays until there is something new. */
  showLoading(layer: Layer, area: Area): void {
    this.#card.setAttribute("aria-busy", "true");
    this.#card.style.setProperty("--share", "0");
    this.#csv.disabled = this.#numbers.disabled = true;
    if (this.#series.length) return;
    this.#open();
    this.#notice.hidden = true;
    this.#picture.replaceChildren();
    this.#change.replaceChildren();
    this.#plot.hidden = this.#card.dataset["view"] === "change";
    if (this.#plot.hidden) this.#key.hidden = true;
    this.#title.textContent = layer.title;
    this.#subtitle.textContent = `${area.name} · calculating…`;
  }

  /** Show what there is of the series; `share` is how far they have come, 1 when complete. */
  showSeries(series: readonly Series[], names: readonly string[], span: Span, share: number): void {
    this.#series = series;
    this.#names = names;
    this.#span = span;
    this.#open();
    this.#notice.hidden = true;
    this.#plot.hidden = !this.#table.hidden;
    const { layer, area } = series[0]!;
    const isSameLayer = series.every((each) => each.layer.id === layer.id);
    this.#title.textContent = isSameLayer ? layer.title : series.map((each) => each.layer.title).join(" and ");
    const isSameArea = series.every((each) => each.area === area);
    const over = isSameArea ? area.name : series.map((each) => each.area.name).join(" and ");
    const state = share < 1 ? `calculating, ${Math.round(100 * share)}%` : keptOf(series);
    this.#subtitle.textContent = [over, state].filter(Boolean).join(" · ");
    element("chart-synthetic", HTMLSpanElement).hidden = !series.some(({ entries }) => entries.some(({ synthetic }) => synthetic));
    this.#card.setAttribute("aria-busy", String(share < 1));
    this.#card.style.setProperty("--share", String(share));
    this.#csv.disabled = this.#numbers.disabled = share < 1;
    this.#drawKey();
    this.#drawSoon();
  }

  /** Say why there is no chart, and what can be done. */
  showError(title: string, text: string, ...actions: HTMLElement[]): void {
    this.#open();
    this.#card.setAttribute("aria-busy", "false");
    this.#title.textContent = title;
    this.#subtitle.textContent = "";
    this.#series = [];
    this.#plot.hidden = true;
    this.#key.replaceChildren();
    this.#csv.disabled = this.#numbers.disabled = true;
    this.#table.replaceChildren();
    this.#change.replaceChildren();
    this.#notice.hidden = false;
    this.#notice.replaceChildren(build("p", "", text), ...actions);
  }

  /** The map shows this period now. */
  selectPeriod(period: string): void {
    this.#cursor.selectPeriod(period);
  }

  /** Where the card is a part of the sheet, it comes into view. */
  #open(): void {
    const isNew = this.#card.hidden;
    this.#card.hidden = false;
    if (isNew && getComputedStyle(this.#card).position !== "fixed") this.#card.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  #showNumbers(areShown: boolean): void {
    this.#table.hidden = !areShown;
    this.#plot.hidden = areShown || this.#series.length === 0;
    this.#key.hidden = areShown;
    this.#numbers.setAttribute("aria-pressed", String(areShown));
    this.#numbers.textContent = areShown ? "Show chart" : "Show table";
    this.#draw();
  }

  /** Entries may come faster than frames. */
  #drawSoon(): void {
    window.cancelAnimationFrame(this.#redrawing);
    this.#redrawing = window.requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    if (!this.#series.length || !this.#span || this.#card.dataset["view"] === "change") return;
    if (!this.#table.hidden) this.#table.replaceChildren(drawTable(this.#series, this.#names));
    const { clientWidth: width, clientHeight: height } = this.#plot;
    if (this.#plot.hidden || width < 80) return;
    const drawn = drawPlot(this.#series, this.#span, width, height);
    drawn.svg.setAttribute("aria-label", this.#summary());
    this.#picture.replaceChildren(drawn.svg);
    this.#cursor.attach(drawn, this.#series, this.#names);
  }

  #drawKey(): void {
    const rows = this.#series.flatMap(({ layer }, index) => {
      const name = this.#series.length > 1 ? this.#names[index]! : "Mean";
      if (layer.kind === "classes") {
        const isRepeated = index > 0 && this.#series[0]!.layer.id === layer.id;
        return isRepeated ? [] : [...layer.colors].map(([each, color]) => build("li", "key-row", swatch(color), each));
      }
      return [build("li", `key-row of-${index}`, build("span", "key-line"), name)];
    });
    const hasBand = this.#series.some(({ layer }) => layer.kind !== "classes");
    if (this.#series.length === 1) rows.push(...litRows(this.#series[0]!));
    if (hasBand) rows.push(build("li", "key-row of-0", build("span", "key-band"), "2nd to 98th percentile"));
    rows.push(build("li", "key-row", build("span", "key-valid"), "Share of the area with a value"));
    this.#key.replaceChildren(...rows);
    this.#key.hidden = !this.#table.hidden;
  }

  #summary(): string {
    return this.#series.map(({ layer, area, entries }) => describe(layer, area.name, entries)).join(" ");
  }

  #download(): void {
    const link = document.createElement("a");
    const { layer, area } = this.#series[0]!;
    link.href = URL.createObjectURL(new Blob([csvOf(this.#series)], { type: "text/csv;charset=utf-8" }));
    link.download = `${layer.id} ${area.name}`.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") + ".csv";
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}

function litRows(series: Series): HTMLLIElement[] {
  const line = (place: number): HTMLElement => build("span", place ? "key-line further" : "key-line");
  return thresholdsOf(series).map((lit, place) => build("li", "key-row of-1", line(place), litName(lit, series.layer.unit)));
}

/** How much of it the server had saved, where it keeps series at all. */
function keptOf(series: readonly Series[]): string {
  const entries = series.flatMap((each) => each.entries).filter(({ kept }) => kept !== undefined);
  const kept = entries.filter((entry) => entry.kept).length;
  if (!entries.length) return "";
  if (kept === entries.length) return "from saved data";
  return kept ? `${kept} of ${entries.length} from saved data, the rest calculated just now` : "calculated just now";
}

/** A chart in two sentences. */
function describe({ title, unit, kind }: Layer, area: string, entries: readonly Entry[]): string {
  const [first, last] = [entries[0], entries.at(-1)];
  if (!first || !last) return `${title} over ${area}: no values yet.`;
  const counted = entries.filter(({ status }) => status !== "empty");
  const time = first === last ? periodLabel(first.period) : `${periodLabel(first.period)} to ${periodLabel(last.period)}`;
  const begin = `${title} over ${area}, ${time}: ${entries.length} periods, ${counted.length} with values.`;
  if (!counted.length) return begin;
  if (kind === "classes") return `${begin} In the last one, ${formatShare(counted.at(-1)!.valid_fraction)} of the area has a value.`;
  const by = counted.toSorted((a, b) => (a.mean ?? 0) - (b.mean ?? 0));
  const told = (entry: Entry): string => `${formatValue(entry.mean ?? 0)} ${formatUnit(unit)} in ${periodLabel(entry.period)}`.replace("  ", " ");
  return `${begin} The mean ranges from ${told(by[0]!)} to ${told(by.at(-1)!)}.`;
}
