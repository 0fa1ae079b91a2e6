/** Choosing a period: step, pick from the list or in a calendar, slide along the timeline, or play. */

import type { ProductDetail } from "./api";
import { element } from "./dom";
import { HourPicker } from "./hour_picker";
import { MonthPicker } from "./month_picker";
import { periodLabel } from "./periods";

/** How long a period stands still while playing, once it is drawn. */
const PLAY_DWELL_MS = 900;
/** A slider being dragged asks for tiles only where it rests this long. */
const SETTLE_MS = 120;

/** Show a period; resolves once it is drawn. `passing` periods leave no mark in the history. */
export type ShowPeriod = (period: string, passing: boolean) => Promise<void>;

export class PeriodControl {
  readonly #block = element("period-block", HTMLDivElement);
  readonly #list = element("period", HTMLSelectElement);
  readonly #timeline = element("timeline", HTMLInputElement);
  readonly #earlier = element("earlier", HTMLButtonElement);
  readonly #later = element("later", HTMLButtonElement);
  readonly #play = element("play", HTMLButtonElement);
  readonly #count = element("period-count", HTMLSpanElement);
  readonly #label = element("period-label", HTMLLabelElement);
  readonly #months = new MonthPicker((month) => this.#choose(this.#periods.indexOf(month)));
  readonly #hours = new HourPicker((hour) => this.#choose(this.#periods.indexOf(hour)));
  readonly #show: ShowPeriod;
  #periods: readonly string[] = [];
  #index = 0;
  #settling = 0;
  #playing: symbol | null = null;

  constructor(show: ShowPeriod) {
    this.#show = show;
    this.#earlier.addEventListener("click", () => this.#choose(this.#index - 1));
    this.#later.addEventListener("click", () => this.#choose(this.#index + 1));
    this.#list.addEventListener("change", () => this.#choose(this.#list.selectedIndex));
    this.#timeline.addEventListener("input", () => this.#slide());
    this.#timeline.addEventListener("change", () => this.#choose(this.#timeline.valueAsNumber));
    this.#play.addEventListener("click", () => (this.#playing ? this.stop() : void this.#startPlaying()));
  }

  /** Offer the periods of a product and select `period`, which may be an interval beside them. */
  setProduct(product: ProductDetail, period: string): void {
    this.stop();
    const known = product.periods;
    const periods = !period || known.includes(period) ? known : [...known, period];
    this.#label.textContent = product.roles[product.windows[0] ?? ""]?.title ?? "Period";
    this.#periods = periods;
    this.#block.hidden = periods.length === 0;
    this.#list.replaceChildren(...periods.map((each) => new Option(periodLabel(each), each)));
    this.#timeline.max = String(Math.max(0, periods.length - 1));
    element("timeline-row", HTMLDivElement).hidden = periods.length < 2;
    this.#months.setPeriods(known);
    this.#hours.setProduct(product);
    this.select(period);
  }

  /** Select `period` without asking for it to be shown. */
  select(period: string): void {
    this.#index = Math.max(0, this.#periods.indexOf(period));
    this.#list.selectedIndex = this.#index;
    this.#timeline.value = String(this.#index);
    this.#timeline.setAttribute("aria-valuetext", periodLabel(period));
    this.#timeline.style.setProperty("--filled", String(this.#index / Math.max(1, this.#periods.length - 1)));
    this.#earlier.disabled = this.#index === 0;
    this.#later.disabled = this.#index >= this.#periods.length - 1;
    this.#months.select(period);
    this.#hours.select(period);
    this.#count.textContent = this.#periods.length > 1 ? `${this.#index + 1} of ${this.#periods.length}` : "Only one period";
  }

  /** The period selected. */
  get period(): string {
    return this.#periods[this.#index] ?? "";
  }

  stop(): void {
    this.#playing = null;
    this.#play.setAttribute("aria-pressed", "false");
    this.#play.setAttribute("aria-label", "Play through periods");
  }

  #choose(index: number): void {
    const period = this.#periods[index];
    if (period === undefined) return;
    window.clearTimeout(this.#settling);
    this.stop();
    this.select(period);
    void this.#show(period, false);
  }

  #slide(): void {
    const period = this.#periods[this.#timeline.valueAsNumber];
    if (period === undefined) return;
    this.stop();
    this.select(period);
    window.clearTimeout(this.#settling);
    this.#settling = window.setTimeout(() => void this.#show(period, true), SETTLE_MS);
  }

  async #startPlaying(): Promise<void> {
    const run = Symbol();
    this.#playing = run;
    this.#play.setAttribute("aria-pressed", "true");
    this.#play.setAttribute("aria-label", "Pause");
    while (this.#playing === run) {
      const next = this.#periods[(this.#index + 1) % this.#periods.length];
      if (next === undefined) break;
      this.select(next);
      await this.#show(next, true);
      await new Promise((resolve) => window.setTimeout(resolve, PLAY_DWELL_MS));
    }
  }
}
