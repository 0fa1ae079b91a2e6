/** Choosing a month from a year's twelve; those without data are grey. */

import { build, element } from "./dom";
import { areMonths, monthAt, monthsOf, yearOf, yearsOf } from "./months";
import { periodLabel } from "./periods";
import { Popup } from "./popup";

const SHORT = new Intl.DateTimeFormat("en-GB", { month: "short", timeZone: "UTC" });

export class MonthPicker {
  readonly #popup = new Popup("months-open", "months", () => this.#opened());
  readonly #year = element("year", HTMLSelectElement);
  readonly #earlier = element("year-earlier", HTMLButtonElement);
  readonly #later = element("year-later", HTMLButtonElement);
  readonly #grid = element("month-grid", HTMLDivElement);
  readonly #choose: (month: string) => void;
  #known: readonly string[] = [];
  #chosen = "";

  constructor(choose: (month: string) => void) {
    this.#choose = choose;
    this.#year.addEventListener("change", () => this.#draw());
    this.#earlier.addEventListener("click", () => this.#turn(-1));
    this.#later.addEventListener("click", () => this.#turn(1));
    this.#grid.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Offer months (ascending); periods of other lengths have no such control. */
  setPeriods(periods: readonly string[]): void {
    this.#known = areMonths(periods) ? periods : [];
    this.#popup.offer(this.#known.length > 0);
    this.#year.replaceChildren(...yearsOf(this.#known).map((year) => new Option(String(year))));
  }

  /** This month is shown now. */
  select(month: string): void {
    this.#chosen = month;
    if (this.#popup.isOpen) this.#draw();
  }

  #opened(): void {
    this.#year.value = String(yearOf(this.#known.includes(this.#chosen) ? this.#chosen : this.#known.at(-1)!));
    this.#draw();
    this.#grid.querySelector<HTMLButtonElement>("[tabindex='0']")?.focus();
  }

  #turn(years: number): void {
    this.#year.selectedIndex += years;
    this.#draw();
  }

  /** Draw the year; `focused` is the month that the Tab key leads to. */
  #draw(focused = this.#chosen): void {
    const year = Number(this.#year.value);
    const months = monthsOf(year);
    const withData = months.filter((month) => this.#known.includes(month));
    const reached = withData.includes(focused) ? focused : withData.at(-1);
    this.#grid.setAttribute("aria-label", `Months of ${year}; ${withData.length} of 12 have data`);
    this.#grid.replaceChildren(...months.map((month) => this.#button(month, month === reached)));
    this.#earlier.disabled = this.#year.selectedIndex <= 0;
    this.#later.disabled = this.#year.selectedIndex >= this.#year.length - 1;
  }

  #button(month: string, isReached: boolean): HTMLButtonElement {
    const made = build("button", "month", SHORT.format(Date.parse(`${month}-01`)));
    made.type = "button";
    made.disabled = !this.#known.includes(month);
    made.tabIndex = isReached ? 0 : -1;
    made.dataset["month"] = month;
    made.setAttribute("aria-label", made.disabled ? `${periodLabel(month)}, no data` : periodLabel(month));
    made.setAttribute("aria-pressed", String(month === this.#chosen));
    made.addEventListener("click", () => this.#take(month));
    return made;
  }

  #take(month: string): void {
    this.#popup.leave();
    this.#choose(month);
  }

  #pressed(event: KeyboardEvent): void {
    const from = (event.target as HTMLElement).dataset["month"];
    const month = from && monthAt(event.key, from, this.#known);
    if (!month) return;
    event.preventDefault();
    this.#year.value = String(yearOf(month));
    this.#draw(month);
    this.#grid.querySelector<HTMLButtonElement>("[tabindex='0']")?.focus();
  }
}
