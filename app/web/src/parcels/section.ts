/** The part of the panel about parcels: their legend, and of one its value and how that compares. */

import type { AreasTileJSON } from "../api";
import { build, button, element } from "../dom";
import type { Found } from "../districts/area_tiles";
import { NO_VALUE, type Scale } from "../districts/scale";
import { keyForm } from "../key_form";
import { chooseLanguage, language, onLanguage, tell, toldNumber, toldPeriod, translate, type Language } from "../language/language";
import { LANGUAGES } from "../language/messages";
import { swatch } from "../legend";
import { facts, headline, sentences, type ParcelAnalysis } from "./analysis";

export interface SectionEvents {
  /** It is opened or closed, or parcels are wanted or not. */
  readonly changed: () => void;
  /** The chosen parcel is to be marked as a zone. */
  readonly zone: () => void;
}

/** What is known of the chosen parcel. */
export interface Chosen {
  readonly parcel: Found;
  readonly unit: string;
  /** null while it is worked out. */
  readonly analysis: ParcelAnalysis | null;
  readonly error: string | null;
}

export class ParcelsSection {
  readonly #block = element("parcels", HTMLDetailsElement);
  readonly #shown = element("parcels-shown", HTMLInputElement);
  readonly #note = element("parcels-note", HTMLParagraphElement);
  readonly #legend = element("parcels-legend", HTMLElement);
  readonly #told = element("parcels-told", HTMLDivElement);
  readonly #events: SectionEvents;
  #wasOpened = false;

  constructor(events: SectionEvents) {
    this.#events = events;
    const choice = element("language", HTMLSelectElement);
    choice.replaceChildren(...Object.entries(LANGUAGES).map(([id, name]) => new Option(name, id, false, id === language())));
    choice.addEventListener("change", () => chooseLanguage(choice.value as Language));
    translate(this.#block);
    onLanguage(() => translate(this.#block));
    this.#block.addEventListener("toggle", () => {
      this.#wasOpened ||= this.#block.open;
      events.changed();
    });
    this.#shown.addEventListener("change", events.changed);
  }

  /** Whether the map is to have parcels; they are asked for only once the section has been opened. */
  get isOn(): boolean {
    return this.#wasOpened && this.#shown.checked && !this.#block.hidden;
  }

  /** Open the section. */
  restore(): void {
    this.#wasOpened = true;
    this.#block.open = true;
  }

  /** Whether there can be parcels with values of the layer. */
  offer(isOffered: boolean): void {
    this.#block.hidden = !isOffered;
  }

  showLoading(): void {
    this.#note.textContent = tell("parcels.loading");
    this.#note.dataset["tone"] = "";
  }

  showScale({ areas, valued }: AreasTileJSON, scale: Scale | null, layer: string, unit: string): void {
    this.#note.dataset["tone"] = "";
    this.#note.textContent = areas ? `${tell("parcels.counted", { valued, parcels: areas, layer })} ${tell("parcels.choose")}` : tell("parcels.none");
    this.#legend.hidden = !scale;
    if (scale) this.#legend.replaceChildren(...legendOf(scale, unit));
  }

  /** Say what went wrong; with a key it may be tried again. */
  showError(text: string, again: (() => void) | null): void {
    this.#note.textContent = text;
    this.#note.dataset["tone"] = "error";
    this.#legend.hidden = true;
    this.#told.replaceChildren(...(again ? [keyForm(again)] : []));
  }

  clear(): void {
    this.#told.replaceChildren();
  }

  /** Tell of one parcel. */
  showChosen({ parcel, unit, analysis, error }: Chosen, again: (() => void) | null): void {
    const { name, value, period } = parcel;
    const number = value === null ? tell("parcels.noValue") : `${toldNumber(value)} ${unit}`.trim();
    const told = value !== null && period ? tell("parcels.value", { value: number, period: toldPeriod(period) }) : number;
    this.#told.replaceChildren(build("p", "", build("strong", "", name), tell("parcels.colon") + told), ...this.#verdict(analysis, error));
    if (again) this.#told.append(keyForm(again));
    this.#told.setAttribute("aria-busy", String(!analysis && !error));
    this.#told.scrollIntoView({ block: "nearest" });
  }

  #verdict(analysis: ParcelAnalysis | null, error: string | null): HTMLElement[] {
    const failed = error === null ? [] : [build("p", "area-hint", error)];
    for (const each of failed) each.dataset["tone"] = "error";
    if (!analysis) return failed.length ? failed : [build("p", "count", tell("verdict.working"))];
    const { level } = analysis.verdict;
    const word = build("strong", "verdict", headline(analysis));
    word.dataset["level"] = level;
    const list = build("dl", "facts", ...facts(analysis).flatMap(([title, text]) => [build("dt", "", title), build("dd", "", text)]));
    const isUnusual = level !== "usual" && level !== "unknown";
    const zoned = analysis.zone === null ? [] : [build("p", "count", tell("verdict.zoned", { id: analysis.zone }))];
    const tools = isUnusual && analysis.zone === null ? [build("div", "tools", button(tell("verdict.zone"), this.#events.zone))] : zoned;
    return [build("p", "", word, ` ${sentences(analysis).join(" ")}`), list, ...tools, ...failed];
  }
}

function legendOf({ stops, ticks }: Scale, unit: string): HTMLElement[] {
  const [first, last] = [stops[0]![0], stops.at(-1)![0]];
  const bar = build("div", "ramp");
  bar.style.backgroundImage = `linear-gradient(to right, ${stops.map(([, color]) => color).join(", ")})`;
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", tell("parcels.scale", { low: toldNumber(first), high: `${toldNumber(last)} ${unit}`.trim() }));
  const labels = ticks.map((value) => {
    const tick = build("span", "tick", toldNumber(value, Math.abs(last - first) < 10 ? 1 : 0));
    tick.style.setProperty("--share", String((value - first) / (last - first)));
    return tick;
  });
  const caption = build("figcaption", "label-row", build("span", "label", tell("parcels.newest")), build("span", "count", unit));
  return [caption, bar, build("div", "ticks", ...labels), build("p", "absence", swatch(NO_VALUE), tell("parcels.noValue"))];
}
