/** The chosen place: its marker, its card, and what the layer shown has there. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { point, type Place } from "./api";
import { placeMarker } from "./map";
import type { Shown } from "./layer_view";
import { ValueCard } from "./value_card";

export class Asking {
  readonly #map: MapLibreMap;
  readonly #card: ValueCard;
  readonly #marker = placeMarker();
  /** The link is another now. */
  readonly #chosen: () => void;
  #place: Place | null = null;
  /** Aborted when a newer question begins. */
  #turn = new AbortController();

  constructor(map: MapLibreMap, chosen: () => void) {
    this.#map = map;
    this.#chosen = chosen;
    this.#card = new ValueCard(() => this.forget());
  }

  /** For a link; null while no place is chosen. */
  get place(): Place | null {
    return this.#place;
  }

  /** Choose a place, and read the value there; nothing while no layer is shown. */
  async ask(place: Place, shown: Shown | null): Promise<void> {
    if (!shown) return;
    const { product, tilejson, when } = shown;
    this.#turn.abort();
    const turn = (this.#turn = new AbortController());
    this.#place = place;
    this.#marker.setLngLat(place).addTo(this.#map);
    this.#card.wait();
    this.#chosen();
    try {
      const answer = await point(product.id, place, when, turn.signal);
      this.#card.show(answer, tilejson.legend);
    } catch (error) {
      if (!turn.signal.aborted) this.#card.fail(error);
    }
  }

  /** Another layer or time is shown: the place stays, and its value is another. */
  async askAgain(shown: Shown): Promise<void> {
    if (this.#place) await this.ask(this.#place, shown);
  }

  forget(): void {
    if (!this.#place) return;
    this.#turn.abort();
    this.#place = null;
    this.#marker.remove();
    this.#card.hide();
    this.#chosen();
  }
}
