/** The part of the panel about the map of areas: which value is shown, its legend, and all series as CSV. */

import { address, sentence, type AreasTileJSON, type AreaValue } from "../api";
import { build, button, element } from "../dom";
import { swatch } from "../legend";
import type { AreasLink } from "../link";
import { formatTick, formatValue } from "../numbers";
import { periodLabel } from "../periods";
import type { Found } from "./area_tiles";
import { NO_VALUE, unitName, type Scale } from "./scale";

export interface SectionEvents {
  /** It is opened or closed, or something else is wanted. */
  readonly changed: () => void;
  readonly chart: (area: string) => void;
}

export class DistrictsSection {
  readonly #block = element("districts", HTMLDetailsElement);
  readonly #shown = element("districts-shown", HTMLInputElement);
  readonly #value = element("districts-value", HTMLSelectElement);
  readonly #change = element("districts-change", HTMLSelectElement);
  readonly #kind = element("districts-kind", HTMLInputElement);
  readonly #note = element("districts-note", HTMLParagraphElement);
  readonly #legend = element("districts-legend", HTMLElement);
  readonly #told = element("districts-told", HTMLDivElement);
  readonly #csv = element("districts-csv", HTMLAnchorElement);
  readonly #events: SectionEvents;
  #wasOpened = false;
  /** Of a link, until a layer offers it. */
  #wanted: string | null = null;

  constructor(events: SectionEvents) {
    this.#events = events;
    this.#block.addEventListener("toggle", () => {
      this.#wasOpened ||= this.#block.open;
      events.changed();
    });
    for (const field of [this.#shown, this.#value, this.#change, this.#kind]) field.addEventListener("change", events.changed);
  }

  /** Whether the map is to have areas; they are asked for only once the section has been opened. */
  get isOn(): boolean {
    return this.#wasOpened && this.#shown.checked && !this.#block.hidden;
  }

  /** Open the section with these choices; the value is taken once a layer offers it. */
  restore({ value, isChange, kind }: AreasLink): void {
    this.#wanted = value;
    this.#kind.value = kind;
    this.#change.value = isChange ? "change" : "";
    this.#shown.checked = true;
    this.#block.open = true;
    this.#wasOpened = true;
  }

  get value(): AreaValue {
    return this.#value.value as AreaValue;
  }

  get isChange(): boolean {
    return this.#change.value === "change" && !this.#change.disabled;
  }

  get kind(): string {
    return this.#kind.value.trim();
  }

  /** Offer values; the one chosen stays if it is among them. A layer that compares dates has no change of its own. */
  setValues(values: readonly (readonly [AreaValue, string])[], isComparing: boolean): void {
    const chosen = this.#wanted ?? this.#value.value;
    this.#value.replaceChildren(...values.map(([value, title]) => new Option(title, value)));
    if (values.some(([value]) => value === chosen)) this.#value.value = chosen;
    if (values.length) this.#wanted = null;
    this.#change.disabled = isComparing;
    this.#block.hidden = values.length === 0;
  }

  showLoading(): void {
    this.#note.textContent = "Loading areas…";
    this.#note.dataset["tone"] = "";
  }

  /** Say what is on the map, and draw its legend. */
  showScale(tilejson: AreasTileJSON, scale: Scale | null, isSynthetic: boolean): void {
    const { areas, valued, period, before } = tilejson;
    const time = before ? `${periodLabel(period!)} minus ${periodLabel(before)}` : periodLabel(period!);
    this.#note.textContent = areas ? `${valued} of ${areas} areas have a value. ${time}.` : "No saved areas keep this layer.";
    this.#legend.hidden = !scale;
    if (scale) this.#legend.replaceChildren(...legendOf(tilejson, scale, isSynthetic));
    this.#told.replaceChildren(...(scale ? [build("p", "count", "Choose an area on the map to see its value.")] : []));
  }

  showError(text: string): void {
    this.#note.textContent = text;
    this.#note.dataset["tone"] = "error";
    this.#legend.hidden = true;
    this.#told.replaceChildren();
  }

  /** Tell of one area. */
  tell({ id, name, value }: Found, unit: string, isChange: boolean): void {
    const sign = isChange && value !== null && value > 0 ? "+" : "";
    const told = value === null ? "no value" : `${sign}${formatValue(value)} ${unit}`.trim();
    this.#told.replaceChildren(build("p", "", build("strong", "", name), `: ${told}`), button("Chart", () => this.#events.chart(id)));
  }

  setCsv(path: string): void {
    this.#csv.href = address(path);
  }
}

function legendOf(tilejson: AreasTileJSON, { stops, ticks }: Scale, isSynthetic: boolean): HTMLElement[] {
  const [first, last] = [stops[0]![0], stops.at(-1)![0]];
  const isChange = tilejson.before !== null;
  const unit = tilejson.value.endsWith("_share") ? "0 to 1" : unitName(tilejson);
  const caption = build("figcaption", "label-row", build("span", "label", isChange ? "Change in one year" : "Value"), build("span", "count", unit));
  const bar = build("div", "ramp");
  bar.style.backgroundImage = `linear-gradient(to right, ${stops.map(([, color]) => color).join(", ")})`;
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", `Colour scale from ${formatTick(first)} to ${formatTick(last)} ${unit}`.trim() + (isChange ? ", white at 0" : ""));
  const labels = ticks.map((value) => {
    const tick = build("span", "tick", isChange && value > 0 ? `+${formatTick(value)}` : formatTick(value));
    tick.style.setProperty("--share", String((value - first) / (last - first)));
    return tick;
  });
  const none = build("p", "absence", swatch(NO_VALUE), "No value, or not seen");
  const badge = isSynthetic ? [build("span", "badge", "Synthetic")] : [];
  const notes = tilejson.notes.map((note) => build("p", "count", sentence(note)));
  return [caption, bar, build("div", "ticks", ...labels), none, ...notes, ...badge];
}
