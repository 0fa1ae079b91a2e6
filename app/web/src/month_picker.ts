/** Choosing a month from a year's twelve; those without data are grey. */

import { build, element } from "./dom";
import { areMonths, monthAt, monthsOf, yearOf, yearsOf } from "./months";
import { periodLabel } from "./periods";

const SHORT = new Intl.DateTimeFormat("en-GB", { month: "short", timeZone: "UTC" });

export class MonthPicker {
  readonly #opener = element("months-open", HTMLButtonElement);
  readonly #box = element("months", HTMLDivElement);
  readonly #year = element("year", HTMLSelectElement);
  readonly #earlier = element("year-earlier", HTMLButtonElement);
  readonly #later = element("year-later", HTMLButtonElement);
  readonly #grid = element("month-grid", HTMLDivElement);
  readonly #choose: (month: string) => void;
  #known: readonly string[] = [];
  #chosen = "";

  constructor(choose: (month: string) => void) {
    this.#choose = choose;
    this.#opener.addEventListener("click", () => (this.#box.hidden ? this.#open() : this.#close()));
    this.#year.addEventListener("change", () => this.#draw());
    this.#earlier.addEventListener("click", () => this.#turn(-1));
    this.#later.addEventListener("click", () => this.#turn(1));
    this.#grid.addEventListener("keydown", (event) => this.#pressed(event));
    this.#box.addEventListener("keydown", (event) => this.#escaped(event));
    document.addEventListener("pointerdown", ({ target }) => this.#pointed(target as Node));
    this.#box.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && this.#pointed(relatedTarget as Node));
  }

  /** Offer months (ascending); periods of other lengths have no such control. */
  setPeriods(periods: readonly string[]): void {
    this.#known = areMonths(periods) ? periods : [];
    this.#opener.hidden = this.#known.length === 0;
    this.#box.hidden = true;
    this.#opener.setAttribute("aria-expanded", "false");
    this.#year.replaceChildren(...yearsOf(this.#known).map((year) => new Option(String(year))));
  }

  /** This month is shown now. */
  select(month: string): void {
    this.#chosen = month;
    if (!this.#box.hidden) this.#draw();
  }

  #open(): void {
    this.#box.hidden = false;
    this.#opener.setAttribute("aria-expanded", "true");
    this.#year.value = String(yearOf(this.#known.includes(this.#chosen) ? this.#chosen : this.#known.at(-1)!));
    this.#draw();
    this.#box.scrollIntoView({ block: "nearest" });
    this.#grid.querySelector<HTMLButtonElement>("[tabindex='0']")?.focus();
  }

  #close(): void {
    this.#box.hidden = true;
    this.#opener.setAttribute("aria-expanded", "false");
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
    this.#close();
    this.#opener.focus();
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

  #escaped(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.stopPropagation(); // it closes no more than this
    this.#close();
    this.#opener.focus();
  }

  /** Something else is pointed at or has the focus. */
  #pointed(target: Node): void {
    if (!this.#box.hidden && !this.#box.contains(target) && !this.#opener.contains(target)) this.#close();
  }
}
