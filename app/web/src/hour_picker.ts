/** Choosing an hour: a day from a month's calendar, then one of its hours; what is night or missing is grey. */

import { ApiError, get, type Calendar, type ProductDetail } from "./api";
import { build, element } from "./dom";
import { areHours, dayAt, daysOf, hourAt, hoursOf, monthDays, solarOffset, toLocal, zoneName } from "./hours";
import { periodLabel } from "./periods";
import { Popup } from "./popup";

type State = Calendar["periods"][number]["state"];

/** Why hours of a day have no data: of one, and of several. */
const WHY = {
  awaited: ["not published yet", "are not published yet"],
  missing: ["no data", "are missing"],
} as const;
const DARK = { day: ["night", "are night"], night: ["too bright", "are too bright"] } as const;

export class HourPicker {
  readonly #popup = new Popup("hours-open", "hours", () => this.#opened());
  readonly #month = element("hours-month", HTMLSelectElement);
  readonly #earlier = element("hours-month-earlier", HTMLButtonElement);
  readonly #later = element("hours-month-later", HTMLButtonElement);
  readonly #days = element("day-grid", HTMLDivElement);
  readonly #name = element("hours-day", HTMLSpanElement);
  readonly #zone = element("hours-zone", HTMLSelectElement);
  readonly #hours = element("hour-grid", HTMLDivElement);
  readonly #told = element("hours-told", HTMLParagraphElement);
  readonly #choose: (hour: string) => void;
  #product: ProductDetail | null = null;
  #known: readonly string[] = [];
  /** Day of the clocks chosen → how many hours of it have data. */
  #counts: ReadonlyMap<string, number> = new Map();
  /** The hour on the map. */
  #chosen = "";
  #day = "";
  /** What the server says of the day. */
  #calendar: Calendar | null = null;
  #asking = new AbortController();

  constructor(choose: (hour: string) => void) {
    this.#choose = choose;
    this.#month.addEventListener("change", () => this.#drawMonth());
    this.#earlier.addEventListener("click", () => this.#turn(-1));
    this.#later.addEventListener("click", () => this.#turn(1));
    this.#zone.addEventListener("change", () => this.#changeZone());
    this.#days.addEventListener("keydown", (event) => this.#pressedDay(event));
    this.#hours.addEventListener("keydown", (event) => this.#pressedHour(event));
  }

  /** Offer the hours of a product; one of other periods has no such control. */
  setProduct(product: ProductDetail): void {
    this.#asking.abort();
    this.#product = product;
    this.#known = areHours(product.periods) ? product.periods : [];
    this.#popup.offer(this.#known.length > 0);
    if (!this.#known.length) return;
    const offset = solarOffset(product.bbox ?? [0, 0, 0, 0]);
    const zones = offset ? [new Option(`Solar time (${zoneName(offset)})`, String(offset)), new Option("UTC", "0")] : [new Option("UTC", "0")];
    this.#zone.replaceChildren(...zones);
    this.#count();
  }

  /** This hour is shown now. */
  select(hour: string): void {
    this.#chosen = hour;
    if (this.#popup.isOpen) this.#drawHours();
  }

  get #offset(): number {
    return Number(this.#zone.value);
  }

  /** The days of the clocks chosen, and the months they are in. */
  #count(): void {
    this.#counts = daysOf(this.#known, this.#offset);
    const months = [...new Set([...this.#counts.keys()].map((day) => day.slice(0, 7)))];
    this.#month.replaceChildren(...months.map((month) => new Option(periodLabel(month), month)));
  }

  #opened(): void {
    const hour = this.#known.includes(this.#chosen) ? this.#chosen : this.#known.at(-1)!;
    this.#showDay(toLocal(hour, this.#offset).slice(0, 10));
    focusIn(this.#days);
  }

  #changeZone(): void {
    const hour = this.#known.includes(this.#chosen) ? this.#chosen : this.#known.at(-1)!;
    this.#count();
    this.#showDay(toLocal(hour, this.#offset).slice(0, 10));
  }

  #turn(months: number): void {
    this.#month.selectedIndex += months;
    this.#drawMonth();
  }

  #showDay(day: string): void {
    this.#day = day;
    this.#month.value = day.slice(0, 7);
    this.#drawMonth();
    this.#calendar = null;
    this.#drawHours();
    void this.#ask();
  }

  /** Draw the days of the month that is listed. */
  #drawMonth(): void {
    const { days, before } = monthDays(this.#month.value);
    const withData = days.filter((day) => this.#counts.has(day));
    const reached = withData.includes(this.#day) ? this.#day : withData.at(-1);
    const empty = Array.from({ length: before }, () => build("span", ""));
    this.#days.setAttribute("aria-label", `Days of ${periodLabel(this.#month.value)}; ${withData.length} have data`);
    this.#days.replaceChildren(...empty, ...days.map((day) => this.#dayButton(day, day === reached)));
    this.#earlier.disabled = this.#month.selectedIndex <= 0;
    this.#later.disabled = this.#month.selectedIndex >= this.#month.length - 1;
  }

  #dayButton(day: string, isReached: boolean): HTMLButtonElement {
    const count = this.#counts.get(day) ?? 0;
    const label = `${periodLabel(day)}, ${count === 0 ? "no data" : count === 1 ? "1 hour" : `${count} hours`}`;
    const made = pick(String(Number(day.slice(8))), label, isReached, day === this.#day);
    made.disabled = count === 0;
    made.dataset["day"] = day;
    made.addEventListener("click", () => {
      this.#showDay(day);
      focusIn(this.#hours);
    });
    return made;
  }

  async #ask(): Promise<void> {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const hours = hoursOf(this.#day, this.#offset);
    const time = `${hours[0]}/${hours.at(-1)}`;
    try {
      this.#calendar = await get<Calendar>(`products/${encodeURIComponent(this.#product!.id)}/calendar?datetime=${time}`, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.#told.textContent = error.message;
      return;
    }
    this.#drawHours();
  }

  #drawHours(): void {
    const isFocused = this.#hours.contains(document.activeElement);
    const hours = hoursOf(this.#day, this.#offset);
    const states = new Map(this.#calendar?.periods.map(({ period, state }) => [period, state] as const));
    const known = this.#ofDay();
    const reached = known.includes(this.#chosen) ? this.#chosen : known[0];
    this.#name.textContent = periodLabel(this.#day);
    this.#hours.setAttribute("aria-label", `Hours of ${periodLabel(this.#day)}, ${this.#zoneLabel}`);
    this.#hours.replaceChildren(...hours.map((hour) => this.#hourButton(hour, known.includes(hour) ? "data" : states.get(hour), hour === reached)));
    this.#told.textContent = `${this.#summary(known.length)} Hours begin at the time given, in ${this.#zoneLabel}.`;
    if (isFocused) focusIn(this.#hours);
  }

  /** Hours of the day that have data. */
  #ofDay(): string[] {
    return hoursOf(this.#day, this.#offset).filter((hour) => this.#known.includes(hour));
  }

  #hourButton(hour: string, state: State | undefined, isReached: boolean): HTMLButtonElement {
    const local = `${toLocal(hour, this.#offset).slice(11)}:00`;
    const inUtc = this.#offset ? `${local} solar time, ${hour.slice(11)}:00 UTC` : `${local} UTC`;
    const why = state === "data" ? "" : `, ${state ? this.#why(state)[0] : "no data"}`;
    const made = pick(local.slice(0, 2), inUtc + why, isReached, hour === this.#chosen);
    made.disabled = state !== "data";
    made.title = made.ariaLabel!;
    made.dataset["hour"] = hour;
    made.dataset["state"] = state ?? "";
    made.addEventListener("click", () => {
      this.#popup.leave();
      this.#choose(hour);
    });
    return made;
  }

  /** "13 hours have data. 9 are night, 2 are missing." */
  #summary(count: number): string {
    const states = this.#calendar?.periods.map(({ state }) => state) ?? [];
    const others = (["no_light", "missing", "awaited"] as const).flatMap((state) => {
      const number = states.filter((each) => each === state).length;
      const several = this.#why(state)[1];
      return number ? [`${number} ${number === 1 ? several.replace(/^are/, "is") : several}`] : [];
    });
    return `${count === 1 ? "1 hour has" : `${count} hours have`} data${others.length ? `, ${others.join(", ")}` : ""}.`;
  }

  #why(state: Exclude<State, "data">): readonly [one: string, several: string] {
    return state === "no_light" ? DARK[this.#calendar?.light === "night" ? "night" : "day"] : WHY[state];
  }

  get #zoneLabel(): string {
    return this.#offset ? `solar time of the middle of the layer (${zoneName(this.#offset)})` : "UTC";
  }

  #pressedDay(event: KeyboardEvent): void {
    const from = (event.target as HTMLElement).dataset["day"];
    const day = from && dayAt(event.key, from, [...this.#counts.keys()]);
    if (!day) return;
    event.preventDefault();
    this.#showDay(day);
    focusIn(this.#days);
  }

  #pressedHour(event: KeyboardEvent): void {
    const from = (event.target as HTMLElement).dataset["hour"];
    const hour = from && hourAt(event.key, from, this.#ofDay());
    if (!hour) return;
    event.preventDefault();
    for (const each of this.#hours.querySelectorAll<HTMLButtonElement>("button")) each.tabIndex = each.dataset["hour"] === hour ? 0 : -1;
    focusIn(this.#hours);
  }
}

function pick(text: string, label: string, isReached: boolean, isChosen: boolean): HTMLButtonElement {
  const made = build("button", "month", text);
  made.type = "button";
  made.tabIndex = isReached ? 0 : -1;
  made.ariaLabel = label;
  made.ariaPressed = String(isChosen);
  return made;
}

/** Put the focus on the one button that the Tab key leads to. */
function focusIn(grid: HTMLElement): void {
  grid.querySelector<HTMLButtonElement>("[tabindex='0']")?.focus();
}
