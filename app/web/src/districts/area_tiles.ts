/** Areas on the map as vector tiles, each in the colour of its value. */

import type { ExpressionSpecification, Map as MapLibreMap } from "maplibre-gl";
import { address, type AreasTileJSON, type Place } from "../api";
import { NO_VALUE, type Scale } from "./scale";

const SOURCE = "districts";
const FILL = "districts-fill";
const LINE = "districts-line";

/** An area as its tile has it. */
export interface Found {
  readonly id: string;
  readonly name: string;
  /** null where it has none. */
  readonly value: number | null;
}

export class AreaTiles {
  readonly #map: MapLibreMap;
  #drawn: { readonly tilejson: AreasTileJSON; readonly scale: Scale } | null = null;

  constructor(map: MapLibreMap) {
    this.#map = map;
    map.on("style.load", () => this.#write()); // and again after a lost graphics context
  }

  draw(tilejson: AreasTileJSON, scale: Scale): void {
    this.#clear();
    this.#drawn = { tilejson, scale };
    this.#write();
  }

  remove(): void {
    this.#clear();
    this.#drawn = null;
  }

  /** The area at a place, the last drawn of several. */
  at(place: Place): Found | null {
    if (!this.#map.getLayer(FILL)) return null;
    const [found] = this.#map.queryRenderedFeatures(this.#map.project(place), { layers: [FILL] });
    if (!found) return null;
    const { name, value } = found.properties;
    return { id: String(found.id), name: String(name), value: typeof value === "number" ? value : null };
  }

  #clear(): void {
    for (const layer of [LINE, FILL]) if (this.#map.getLayer(layer)) this.#map.removeLayer(layer);
    if (this.#map.getSource(SOURCE)) this.#map.removeSource(SOURCE);
  }

  #write(): void {
    if (!this.#drawn || this.#map.getSource(SOURCE) || !this.#map.getLayer("coast")) return;
    const { tilejson, scale } = this.#drawn;
    const { tiles, minzoom, maxzoom, bounds, vector_layers } = tilejson;
    this.#map.addSource(SOURCE, { type: "vector", tiles: tiles.map(address), minzoom, maxzoom, bounds: [...bounds] });
    const of = { source: SOURCE, "source-layer": vector_layers[0]!.id };
    const above = this.#map.getLayer("area-fill") ? "area-fill" : undefined;
    const isValued: ExpressionSpecification = ["has", "value"];
    this.#map.addLayer({ ...of, id: FILL, type: "fill", paint: { "fill-color": ["case", isValued, ramp(scale), NO_VALUE], "fill-opacity": ["case", isValued, 1, 0.25] } }, above);
    this.#map.addLayer({ ...of, id: LINE, type: "line", paint: { "line-color": "#33403c", "line-width": 1, "line-opacity": 0.8 } }, above);
  }
}

function ramp({ stops }: Scale): ExpressionSpecification {
  return ["interpolate", ["linear"], ["get", "value"], ...stops.flat()] as unknown as ExpressionSpecification;
}
