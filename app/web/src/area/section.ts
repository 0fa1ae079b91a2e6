/** The part of the panel about areas: the tools, what is drawn or chosen, the list to pick from, the form to save. */

import { build, element } from "../dom";
import { formatArea } from "../numbers";
import { areaKm2, type Area } from "./polygon";

export interface SectionEvents {
  readonly draw: () => void;
  readonly finish: () => void;
  readonly undo: () => void;
  readonly cancel: () => void;
  readonly files: (files: readonly File[]) => void;
  /** Files were dropped anywhere on the page. */
  readonly dropped: (files: readonly File[]) => void;
  readonly browse: () => void;
  readonly search: (text: string) => void;
  readonly zoom: (slot: number) => void;
  readonly remove: (slot: number) => void;
  /** Whether new data can be brought for an area. */
  readonly canStayFresh: () => boolean;
  readonly save: (slot: number, wish: SaveWish) => void;
}

/** What the form says. */
export interface SaveWish {
  readonly name: string;
  /** Empty where none is given. */
  readonly kind: string;
  /** Whether feeds are to bring what the layers read. */
  readonly isFed: boolean;
  /** Empty where none is given. */
  readonly key: string;
}

export interface Choice {
  readonly name: string;
  readonly detail: string;
  readonly pick: () => void;
}

const INVITATION = "Draw a polygon, or load or drop a GeoJSON file, to chart this layer for that area.";
const SECOND_INVITATION = "Draw, load or choose an area to compare with.";
const BY_FINGER = window.matchMedia("(pointer: coarse)").matches;
const HANDLING = BY_FINGER ? "Drag a corner to move it." : "Drag a corner to move it, or double-click it to remove it.";
const SKETCHING = BY_FINGER
  ? "Tap the map to add corners. Tap the first corner again to finish."
  : "Click the map to add corners. Double-click or press Enter to finish, Backspace to undo, Escape to cancel. " +
    "Without a mouse, move the map with the arrow keys and press Space to add a corner at the cross.";
/** A search waits for a pause in the typing. */
const PAUSE_MS = 250;

export class AreaSection {
  readonly #tools = element("area-tools", HTMLDivElement);
  readonly #drawing = element("area-drawing", HTMLDivElement);
  readonly #rows = element("area-rows", HTMLUListElement);
  readonly #hint = element("area-hint", HTMLParagraphElement);
  readonly #size = element("area-size", HTMLSpanElement);
  readonly #finish = element("draw-finish", HTMLButtonElement);
  readonly #undo = element("draw-undo", HTMLButtonElement);
  readonly #picker = element("area-picker", HTMLDivElement);
  readonly #search = element("area-search", HTMLInputElement);
  readonly #found = element("area-found", HTMLUListElement);
  readonly #form = element("area-form", HTMLFormElement);
  readonly #name = element("area-name", HTMLInputElement);
  readonly #kind = element("area-kind", HTMLInputElement);
  readonly #feed = element("area-feed", HTMLInputElement);
  readonly #key = element("area-key", HTMLInputElement);
  readonly #file = element("area-file", HTMLInputElement);
  readonly #events: SectionEvents;
  /** The slot of the area that the form is about. */
  #saving = 0;

  constructor(events: SectionEvents) {
    this.#events = events;
    const onClick = (id: string, act: () => void): void => element(id, HTMLButtonElement).addEventListener("click", act);
    onClick("area-draw", events.draw);
    onClick("area-load", () => this.#file.click());
    onClick("area-saved", events.browse);
    onClick("draw-finish", events.finish);
    onClick("draw-undo", events.undo);
    onClick("draw-cancel", events.cancel);
    onClick("area-form-cancel", () => this.#showForm(false));
    onClick("area-picker-close", () => this.#showPicker(false));
    this.#file.addEventListener("change", () => {
      events.files([...(this.#file.files ?? [])]);
      this.#file.value = ""; // so that the same file may be chosen again
    });
    let pause = 0;
    this.#search.addEventListener("input", () => {
      window.clearTimeout(pause);
      pause = window.setTimeout(() => events.search(this.#search.value.trim()), PAUSE_MS);
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      events.save(this.#saving, this.#wish);
    });
    for (const kind of ["dragover", "drop"] as const) {
      window.addEventListener(kind, (event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        document.body.classList.toggle("dropping", kind === "dragover");
        if (kind === "drop") events.dropped([...event.dataTransfer.files]);
      });
    }
    window.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dropping"));
    this.showAreas([], false);
  }

  /** Show these areas; `isAdding` while a second one is wanted. */
  showAreas(areas: readonly Area[], isAdding: boolean): void {
    this.#drawing.hidden = true;
    this.#showPicker(false);
    this.#showForm(false);
    this.#tools.hidden = areas.length > 0 && !isAdding;
    this.#rows.hidden = areas.length === 0;
    this.#rows.replaceChildren(...areas.map((area, slot) => this.#row(area, slot)));
    this.#size.textContent = "";
    this.setHint(isAdding ? SECOND_INVITATION : areas.length ? HANDLING : INVITATION);
  }

  /** A shape is being drawn: so many corners, so large. */
  showSketch(corners: number, km2: number): void {
    this.#showPicker(false);
    this.#showForm(false);
    if (this.#drawing.hidden) this.setHint(SKETCHING);
    this.#tools.hidden = true;
    this.#drawing.hidden = false;
    this.#finish.disabled = corners < 3;
    this.#undo.disabled = corners === 0;
    this.#size.textContent = corners < 3 ? "" : formatArea(km2);
  }

  /** The size of an area while its corners are moved. */
  updateSize(slot: number, km2: number): void {
    const size = this.#rows.children[slot]?.querySelector(".area-row-size");
    if (size) size.textContent = formatArea(km2);
  }

  setHint(text: string, tone: "hint" | "error" = "hint"): void {
    this.#hint.textContent = text;
    this.#hint.dataset["tone"] = tone;
  }

  /** Offer a list; with `isSearched` the field above it asks the server. */
  showChoices(choices: readonly Choice[], note: string, isSearched: boolean): void {
    const wasHidden = this.#picker.hidden;
    this.#showPicker(true);
    this.#search.hidden = !isSearched;
    const rows = choices.map(({ name, detail, pick }) => {
      const button = build("button", "found-row", build("span", "found-name", name), build("span", "count", detail));
      button.type = "button";
      button.addEventListener("click", pick);
      return build("li", "", button);
    });
    this.#found.replaceChildren(...rows, ...(note ? [build("li", "found-note", note)] : []));
    if (!wasHidden) return;
    this.#search.value = "";
    (isSearched ? this.#search : this.#found.querySelector("button"))?.focus();
  }

  /** Ask for the key that writing needs. */
  requestKey(reason: string): void {
    element("area-key-row", HTMLLabelElement).hidden = false;
    this.setHint(reason, "error");
    this.#key.focus();
  }

  setSaving(isSaving: boolean): void {
    element("area-save", HTMLButtonElement).disabled = isSaving;
  }

  #row(area: Area, slot: number): HTMLElement {
    const show = build("button", "area-row-name", area.name);
    show.type = "button";
    show.title = "Show on map";
    show.addEventListener("click", () => this.#events.zoom(slot));
    const size = build("span", "count area-row-size", formatArea(areaKm2(area.shape)));
    const row = build("li", `area-row of-${slot}`, build("span", "area-mark"), show, size);
    if (area.id === null) {
      const save = build("button", "text-button", "Save");
      save.type = "button";
      save.addEventListener("click", () => this.#askName(area, slot));
      row.append(save);
    }
    const remove = build("button", "row-close", "×");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${area.name}`);
    remove.addEventListener("click", () => this.#events.remove(slot));
    row.append(remove);
    return row;
  }

  get #wish(): SaveWish {
    const [name, kind, key] = [this.#name, this.#kind, this.#key].map(({ value }) => value.trim()) as [string, string, string];
    return { name, kind, key, isFed: this.#feed.checked && this.#events.canStayFresh() };
  }

  #askName(area: Area, slot: number): void {
    this.#saving = slot;
    this.#feed.checked = false;
    element("area-feed-row", HTMLLabelElement).hidden = !this.#events.canStayFresh();
    this.#showForm(true);
    this.setHint("You can find a saved area by its name, and its chart is kept up to date.");
    this.#name.value = area.name;
    this.#name.select();
  }

  #showForm(isShown: boolean): void {
    this.#form.hidden = !isShown;
  }

  #showPicker(isShown: boolean): void {
    this.#picker.hidden = !isShown;
  }
}
