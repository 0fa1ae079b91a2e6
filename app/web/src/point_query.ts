/** The chosen place: its marker, its card, and what the layer shown has there. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { point, type Place } from "./api";
import { placeMarker } from "./map";
import type { Shown } from "./layer_view";
import { ValueCard } from "./value_card";

export class PointQuery {
  readonly #map: MapLibreMap;
  readonly #card: ValueCard;
  readonly #marker = placeMarker();
  /** The link is another now. */
  readonly #changed: () => void;
  #place: Place | null = null;
  /** Aborted when a newer query begins. */
  #controller = new AbortController();

  constructor(map: MapLibreMap, changed: () => void) {
    this.#map = map;
    this.#changed = changed;
    this.#card = new ValueCard(() => this.clear());
  }

  /** For a link; null while no place is chosen. */
  get place(): Place | null {
    return this.#place;
  }

  /** Choose a place, and read the value there; nothing while no layer is shown. */
  async query(place: Place, shown: Shown | null): Promise<void> {
    if (!shown) return;
    const { product, tilejson, when } = shown;
    this.#controller.abort();
    const controller = (this.#controller = new AbortController());
    this.#place = place;
    this.#marker.setLngLat(place).addTo(this.#map);
    this.#card.showLoading();
    this.#changed();
    try {
      const answer = await point(product.id, place, when, controller.signal);
      this.#card.show(answer, tilejson.legend);
    } catch (error) {
      if (!controller.signal.aborted) this.#card.showError(error);
    }
  }

  /** Another layer or time is shown: the place stays, and its value is another. */
  async refresh(shown: Shown): Promise<void> {
    if (this.#place) await this.query(this.#place, shown);
  }

  clear(): void {
    if (!this.#place) return;
    this.#controller.abort();
    this.#place = null;
    this.#marker.remove();
    this.#card.hide();
    this.#changed();
  }
}
