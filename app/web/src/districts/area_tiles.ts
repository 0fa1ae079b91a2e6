/** Areas on the map as vector tiles, each in the colour of its value. */

import type { ExpressionSpecification, Map as MapLibreMap } from "maplibre-gl";
import { address, type AreasTileJSON, type Place } from "../api";
import { NO_VALUE, type Scale } from "./scale";

/** An area as its tile has it. */
export interface Found {
  readonly id: string;
  readonly name: string;
  /** null where it has none. */
  readonly value: number | null;
  /** Of the value; null where it has none. */
  readonly period: string | null;
}

export class AreaTiles {
  readonly #map: MapLibreMap;
  readonly #source: string;
  readonly #fill: string;
  readonly #line: string;
  #drawn: { readonly tilejson: AreasTileJSON; readonly scale: Scale } | null = null;

  /** `name` tells its layers from those of other tiles of areas. */
  constructor(map: MapLibreMap, name: string) {
    this.#map = map;
    [this.#source, this.#fill, this.#line] = [name, `${name}-fill`, `${name}-line`];
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
    if (!this.#map.getLayer(this.#fill)) return null;
    const [found] = this.#map.queryRenderedFeatures(this.#map.project(place), { layers: [this.#fill] });
    if (!found) return null;
    const { name, value, period } = found.properties;
    return { id: String(found.id), name: String(name), value: typeof value === "number" ? value : null, period: typeof period === "string" ? period : null };
  }

  #clear(): void {
    for (const layer of [this.#line, this.#fill]) if (this.#map.getLayer(layer)) this.#map.removeLayer(layer);
    if (this.#map.getSource(this.#source)) this.#map.removeSource(this.#source);
  }

  #write(): void {
    if (!this.#drawn || this.#map.getSource(this.#source) || !this.#map.getLayer("coast")) return;
    const { tilejson, scale } = this.#drawn;
    const { tiles, minzoom, maxzoom, bounds, vector_layers } = tilejson;
    this.#map.addSource(this.#source, { type: "vector", tiles: tiles.map(address), minzoom, maxzoom, bounds: [...bounds] });
    const of = { source: this.#source, "source-layer": vector_layers[0]!.id };
    const above = ["zones-fill", "area-fill"].find((layer) => this.#map.getLayer(layer)); // zones lie on parcels
    const isValued: ExpressionSpecification = ["has", "value"];
    this.#map.addLayer({ ...of, id: this.#fill, type: "fill", paint: { "fill-color": ["case", isValued, ramp(scale), NO_VALUE], "fill-opacity": ["case", isValued, 1, 0.25] } }, above);
    this.#map.addLayer({ ...of, id: this.#line, type: "line", paint: { "line-color": "#33403c", "line-width": 1, "line-opacity": 0.8 } }, above);
  }
}

function ramp({ stops }: Scale): ExpressionSpecification {
  return ["interpolate", ["linear"], ["get", "value"], ...stops.flat()] as unknown as ExpressionSpecification;
}
