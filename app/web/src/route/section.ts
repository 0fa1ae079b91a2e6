/** The part of the panel about routes: draw, load or pick one, and save it. */

import { build, element } from "../dom";
import type { Route } from "./line";

export interface RouteSectionEvents {
  readonly draw: () => void;
  readonly finish: () => void;
  readonly undo: () => void;
  readonly cancel: () => void;
  /** A GeoJSON document or an encoded polyline, and what it is called. */
  readonly load: (text: string, name: string, precision: number) => void;
  readonly file: (file: File, precision: number) => void;
  readonly browse: () => void;
  readonly search: (text: string) => void;
  readonly zoom: () => void;
  readonly remove: () => void;
  readonly save: (name: string, key: string) => void;
}

const INVITATION = "Draw a route, or load or drop one, to see this layer along it.";
const BY_FINGER = window.matchMedia("(pointer: coarse)").matches;
const SKETCHING = BY_FINGER
  ? "Tap the map to add points. Tap the last point again to finish."
  : "Click the map to add points. Double-click or press Enter to finish, Backspace to undo, Escape to cancel. " +
    "Without a mouse, move the map with the arrow keys and press Space to add a point at the cross.";
const PAUSE_MS = 250;

export class RouteSection {
  readonly #tools = element("route-tools", HTMLDivElement);
  readonly #drawing = element("route-drawing", HTMLDivElement);
  readonly #row = element("route-row", HTMLUListElement);
  readonly #hint = element("route-hint", HTMLParagraphElement);
  readonly #loading = element("route-loading", HTMLFormElement);
  readonly #text = element("route-text", HTMLTextAreaElement);
  readonly #precision = element("route-precision", HTMLSelectElement);
  readonly #file = element("route-file", HTMLInputElement);
  readonly #form = element("route-form", HTMLFormElement);
  readonly #name = element("route-name", HTMLInputElement);
  readonly #key = element("route-key", HTMLInputElement);
  readonly #picker = element("route-picker", HTMLDivElement);
  readonly #search = element("route-search", HTMLInputElement);
  readonly #found = element("route-found", HTMLUListElement);
  readonly #events: RouteSectionEvents;

  constructor(events: RouteSectionEvents) {
    this.#events = events;
    const onClick = (id: string, act: () => void): void => element(id, HTMLButtonElement).addEventListener("click", act);
    onClick("route-draw", events.draw);
    onClick("route-load", () => this.#show(this.#loading));
    onClick("route-saved", events.browse);
    onClick("route-finish", events.finish);
    onClick("route-undo", events.undo);
    onClick("route-cancel", events.cancel);
    onClick("route-load-cancel", () => this.#show(null));
    onClick("route-form-cancel", () => this.#show(null));
    onClick("route-picker-close", () => this.#show(null));
    this.#file.addEventListener("change", () => {
      const file = this.#file.files?.[0];
      if (file) events.file(file, this.#decimals);
      this.#file.value = ""; // so that the same file may be chosen again
    });
    this.#loading.addEventListener("submit", (event) => {
      event.preventDefault();
      events.load(this.#text.value, "Loaded route", this.#decimals);
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      events.save(this.#name.value.trim(), this.#key.value.trim());
    });
    let pause = 0;
    this.#search.addEventListener("input", () => {
      window.clearTimeout(pause);
      pause = window.setTimeout(() => events.search(this.#search.value.trim()), PAUSE_MS);
    });
    this.showRoute(null);
  }

  /** Show the route there is, or what can be done to have one. */
  showRoute(route: Route | null): void {
    this.#drawing.hidden = true;
    this.#show(null);
    this.#tools.hidden = route !== null;
    this.#row.hidden = route === null;
    this.#row.replaceChildren(...(route ? [this.#rowOf(route)] : []));
    this.setHint(route ? "" : INVITATION);
  }

  /** A line with so many points is being drawn. */
  showSketch(points: number): void {
    if (this.#drawing.hidden) this.setHint(SKETCHING);
    this.#show(null);
    this.#tools.hidden = true;
    this.#drawing.hidden = false;
    element("route-finish", HTMLButtonElement).disabled = points < 2;
    element("route-undo", HTMLButtonElement).disabled = points === 0;
  }

  setHint(text: string, tone: "hint" | "error" = "hint"): void {
    this.#hint.textContent = text;
    this.#hint.dataset["tone"] = tone;
  }

  /** Offer routes; with `isSearched` the field above them asks the server. */
  showChoices(routes: readonly Route[], note: string, isSearched: boolean, pick: (route: Route) => void): void {
    const wasHidden = this.#picker.hidden;
    this.#show(this.#picker);
    this.#search.hidden = !isSearched;
    const rows = routes.map((route) => {
      const made = build("button", "found-row", build("span", "found-name", route.name));
      made.type = "button";
      made.addEventListener("click", () => pick(route));
      return build("li", "", made);
    });
    this.#found.replaceChildren(...rows, ...(note ? [build("li", "found-note", note)] : []));
    if (!wasHidden) return;
    this.#search.value = "";
    (isSearched ? this.#search : this.#found.querySelector("button"))?.focus();
  }

  /** Ask for the key that writing needs. */
  requestKey(reason: string): void {
    element("route-key-row", HTMLLabelElement).hidden = false;
    this.setHint(reason, "error");
    this.#key.focus();
  }

  setSaving(isSaving: boolean): void {
    element("route-save", HTMLButtonElement).disabled = isSaving;
  }

  get #decimals(): number {
    return Number(this.#precision.value);
  }

  /** Of the two forms and the list one is open, or none. */
  #show(part: HTMLElement | null): void {
    for (const each of [this.#loading, this.#form, this.#picker]) each.hidden = each !== part;
    if (part === this.#loading) this.#text.focus();
  }

  #rowOf(route: Route): HTMLElement {
    const { name, id } = route;
    const show = build("button", "area-row-name", name);
    show.title = "Show on map";
    show.addEventListener("click", this.#events.zoom);
    const save = build("button", "text-button", "Save");
    save.addEventListener("click", () => this.#askName(name));
    const remove = build("button", "row-close", "×");
    remove.ariaLabel = `Remove ${name}`;
    remove.addEventListener("click", this.#events.remove);
    const buttons = [show, ...(id === null ? [save] : []), remove];
    for (const each of buttons) each.type = "button";
    return build("li", "area-row", build("span", "route-mark"), ...buttons);
  }

  #askName(name: string): void {
    this.#show(this.#form);
    this.setHint("You can find a saved route by its name, and its exposure is calculated with every new scan.");
    this.#name.value = name;
    this.#name.select();
  }
}
