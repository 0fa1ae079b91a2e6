/** The part of the panel about zones: which are shown, a list of them, and of one what it is and what is to become of it. */

import { build, button, element } from "../dom";
import { keyForm } from "../key_form";
import { language, onLanguage, tell, toldPeriod, translate } from "../language/language";
import { swatch } from "../legend";
import { calledBy, NO_SEVERITY, SEVERITIES, SEVERITY_COLORS, sizeOf, STATES, type State, type Zone } from "./zone";

export interface SectionEvents {
  /** It is opened or closed, or other zones are wanted. */
  readonly changed: () => void;
  readonly choose: (zone: Zone) => void;
  readonly judge: (zone: Zone, state: State) => void;
}

export class ZonesSection {
  readonly #block = element("zones", HTMLDetailsElement);
  readonly #shown = element("zones-shown", HTMLInputElement);
  readonly #state = element("zones-state", HTMLSelectElement);
  readonly #note = element("zones-note", HTMLParagraphElement);
  readonly #key = element("zones-key", HTMLUListElement);
  readonly #list = element("zones-list", HTMLUListElement);
  readonly #told = element("zones-told", HTMLDivElement);
  readonly #events: SectionEvents;
  #wasOpened = false;

  constructor(events: SectionEvents) {
    this.#events = events;
    this.#translate();
    onLanguage(() => this.#translate());
    this.#block.addEventListener("toggle", () => {
      this.#wasOpened ||= this.#block.open;
      events.changed();
    });
    for (const field of [this.#shown, this.#state]) field.addEventListener("change", events.changed);
  }

  /** Whether the map is to have zones; they are asked for only once the section has been opened. */
  get isOn(): boolean {
    return this.#wasOpened && this.#shown.checked;
  }

  get state(): State | "" {
    return this.#state.value as State | "";
  }

  restore(): void {
    this.#wasOpened = true;
    this.#block.open = true;
  }

  /** Offer zones to choose from: `count` in all, of which those of the map's part are listed. */
  showZones(zones: readonly Zone[], count: number): void {
    this.#note.dataset["tone"] = "";
    const told = count === 1 ? tell("zones.count.one") : tell("zones.count", { count });
    this.#note.textContent = count ? `${told} ${tell("zones.choose")}` : tell("zones.none");
    this.#list.replaceChildren(...zones.map((zone) => this.#row(zone)));
    this.#list.hidden = zones.length === 0;
  }

  /** Say what went wrong; with a key it may be tried again. */
  showError(text: string, again: (() => void) | null): void {
    this.#note.textContent = text;
    this.#note.dataset["tone"] = "error";
    this.#told.replaceChildren(...(again ? [keyForm(again)] : []));
  }

  /** Tell of one zone; `note` says what has just become of it. */
  showChosen(zone: Zone, note: string): void {
    const { kind, severity, state, detected_at, areas } = zone.properties;
    const facts: (readonly [string, string | null])[] = [
      [tell("zones.kind"), tell(`kind.${kind}`)],
      [tell("zones.severity"), severity && tell(`severity.${severity}`)],
      [tell("zones.called"), calledBy(zone.properties)],
      [tell("zones.state"), tell(`state.${state}`)],
      [tell("zones.area"), sizeOf(zone.properties)],
      [tell("zones.detected"), detected_at && toldPeriod(detected_at.slice(0, 10))],
      [tell("zones.parcels"), areas.length ? areas.join(", ") : null],
    ];
    const told = facts.flatMap(([title, text]) => (text === null ? [] : [build("dt", "", title), build("dd", "", text)]));
    const judge = (to: State, text: string): HTMLElement[] => (to === state ? [] : [button(text, () => this.#events.judge(zone, to))]);
    const tools = [...judge("confirmed", tell("zones.confirm")), ...judge("dismissed", tell("zones.dismiss")), ...judge("over", tell("zones.over"))];
    const name = build("strong", "", tell("zones.zone", { id: zone.id }));
    this.#told.replaceChildren(build("p", "", name), build("dl", "facts", ...told), build("div", "tools", ...tools), ...(note ? [build("p", "count", note)] : []));
    this.#told.scrollIntoView({ block: "nearest" });
  }

  clearChosen(): void {
    this.#told.replaceChildren();
  }

  #row(zone: Zone): HTMLLIElement {
    const { severity, state } = zone.properties;
    const name = build("span", "found-name", tell("zones.zone", { id: zone.id }));
    const row = build("button", "found-row region-row", swatch(severity ? SEVERITY_COLORS[severity] : NO_SEVERITY), name, build("span", "count", `${tell(`state.${state}`)} · ${sizeOf(zone.properties)}`));
    row.type = "button";
    row.addEventListener("click", () => this.#events.choose(zone));
    return build("li", "", row);
  }

  #translate(): void {
    translate(this.#block);
    const chosen = this.#state.value;
    this.#state.replaceChildren(new Option(tell("zones.every"), ""), ...STATES.map((state) => new Option(tell(`state.${state}`), state)));
    this.#state.value = chosen;
    this.#key.replaceChildren(...SEVERITIES.map((each) => build("li", "key-row", swatch(SEVERITY_COLORS[each]), tell(`severity.${each}`))));
    this.#key.lang = language();
  }
}
