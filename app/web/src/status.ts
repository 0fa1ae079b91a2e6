/** The state of the page: the bar above the map while the page is waiting, and the one notice. */

import type { Map as MapLibreMap } from "maplibre-gl";
import type { Notice } from "./notice";

export class Status {
  readonly #map: MapLibreMap;
  readonly #notice: Notice;
  readonly #busy = new Set<"answer" | "tiles">();
  /** Whether the notice is the one about the zoom, which goes away by itself. */
  #hinting = false;

  constructor(map: MapLibreMap, notice: Notice) {
    this.#map = map;
    this.#notice = notice;
  }

  /** Whether the reader has a notice to read. */
  get hasNotice(): boolean {
    return this.#notice.shown;
  }

  /** The bar above the map runs while anything is still to come. */
  setBusy(what: "answer" | "tiles", isBusy: boolean): void {
    if (isBusy) this.#busy.add(what);
    else this.#busy.delete(what);
    this.#map.getContainer().setAttribute("aria-busy", String(this.#busy.size > 0));
  }

  /** A new request begins; the notice about the last one is out of date. */
  startRequest(): void {
    this.#notice.clear();
    this.#hinting = false;
    this.setBusy("answer", true);
  }

  /** Say what went wrong; nothing more is to come. */
  showError(text: string, action: () => void, label?: string): void {
    this.#hinting = false;
    this.setBusy("answer", false);
    this.#notice.show(text, action, label);
  }

  /** Say something that is not an error. */
  showHint(text: string, action: () => void, label: string): void {
    this.#notice.show(text, action, label, "hint");
  }

  /** Tiles begin at a zoom; from further away the map would only look empty. */
  hintAtZoom(nearest: number): void {
    const tooFar = this.#map.getZoom() < nearest;
    if (tooFar && !this.#notice.shown) {
      this.showHint("Zoom in to see this layer.", () => this.#map.zoomTo(nearest + 0.1), "Zoom in");
      this.#hinting = true;
    } else if (!tooFar && this.#hinting) {
      this.#notice.clear();
      this.#hinting = false;
    }
  }
}
