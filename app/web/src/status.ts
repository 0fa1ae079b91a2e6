/** How the page stands: the bar above the map while something is awaited, and the one notice. */

import type { Map as MapLibreMap } from "maplibre-gl";
import type { Notice } from "./notice";

export class Status {
  readonly #map: MapLibreMap;
  readonly #notice: Notice;
  readonly #awaited = new Set<"answer" | "tiles">();
  /** Whether the notice is the one about the zoom, which goes away by itself. */
  #hinting = false;

  constructor(map: MapLibreMap, notice: Notice) {
    this.#map = map;
    this.#notice = notice;
  }

  /** Whether the reader has a notice to read. */
  get isTelling(): boolean {
    return this.#notice.shown;
  }

  /** The bar above the map runs while anything is awaited. */
  await(what: "answer" | "tiles", isAwaited: boolean): void {
    if (isAwaited) this.#awaited.add(what);
    else this.#awaited.delete(what);
    this.#map.getContainer().setAttribute("aria-busy", String(this.#awaited.size > 0));
  }

  /** A new answer is awaited; what was said of the last one is over. */
  begin(): void {
    this.#notice.clear();
    this.#hinting = false;
    this.await("answer", true);
  }

  /** Say what went wrong, and that nothing more comes. */
  complain(text: string, action: () => void, label?: string): void {
    this.#hinting = false;
    this.await("answer", false);
    this.#notice.show(text, action, label);
  }

  /** Say what is no fault. */
  advise(text: string, action: () => void, label: string): void {
    this.#notice.show(text, action, label, "hint");
  }

  /** Tiles begin at a zoom; from further away the map would only look empty. */
  hintAtZoom(nearest: number): void {
    const tooFar = this.#map.getZoom() < nearest;
    if (tooFar && !this.#notice.shown) {
      this.advise("This layer is drawn from closer by.", () => this.#map.zoomTo(nearest + 0.1), "Zoom in");
      this.#hinting = true;
    } else if (!tooFar && this.#hinting) {
      this.#notice.clear();
      this.#hinting = false;
    }
  }
}
