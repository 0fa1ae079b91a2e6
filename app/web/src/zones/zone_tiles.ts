/** Zones on the map as vector tiles, by severity; those dismissed or over are faint. */

import type { ExpressionSpecification, Map as MapLibreMap, VectorTileSource } from "maplibre-gl";
import { address, type Place, type ZonesTileJSON } from "../api";
import { NO_SEVERITY, SEVERITY_COLORS } from "./zone";

const SOURCE = "zones";
const FILL = "zones-fill";
const LINES = ["zones-casing", "zones-line", "zones-chosen"] as const;

const COLOR = ["match", ["get", "severity"], ...Object.entries(SEVERITY_COLORS).flat(), NO_SEVERITY] as unknown as ExpressionSpecification;
const IS_FAINT: ExpressionSpecification = ["in", ["get", "state"], ["literal", ["dismissed", "over"]]];
const IS_CONFIRMED: ExpressionSpecification = ["==", ["get", "state"], "confirmed"];

export class ZoneTiles {
  readonly #map: MapLibreMap;
  #drawn: ZonesTileJSON | null = null;
  #chosen = -1;

  constructor(map: MapLibreMap) {
    this.#map = map;
    map.on("style.load", () => this.#write()); // and again after a lost graphics context
  }

  draw(tilejson: ZonesTileJSON): void {
    this.remove();
    this.#drawn = tilejson;
    this.#write();
  }

  /** Zones have changed; the same addresses are asked again. */
  reload(): void {
    const source = this.#map.getSource<VectorTileSource>(SOURCE);
    if (source && this.#drawn) source.setTiles(this.#drawn.tiles.map(address));
  }

  remove(): void {
    for (const layer of [...LINES, FILL]) if (this.#map.getLayer(layer)) this.#map.removeLayer(layer);
    if (this.#map.getSource(SOURCE)) this.#map.removeSource(SOURCE);
    this.#drawn = null;
  }

  /** Outline one zone more strongly; -1 none. */
  choose(id: number): void {
    this.#chosen = id;
    if (this.#map.getLayer(LINES[2])) this.#map.setFilter(LINES[2], ["==", ["id"], id]);
  }

  /** The id of the zone at a place; null where there is none. */
  at(place: Place): string | null {
    if (!this.#map.getLayer(FILL)) return null;
    const [found] = this.#map.queryRenderedFeatures(this.#map.project(place), { layers: [FILL] });
    return found ? String(found.id) : null;
  }

  #write(): void {
    if (!this.#drawn || this.#map.getSource(SOURCE) || !this.#map.getLayer("coast")) return;
    const { tiles, minzoom, maxzoom, bounds, vector_layers } = this.#drawn;
    this.#map.addSource(SOURCE, { type: "vector", tiles: tiles.map(address), minzoom, maxzoom, bounds: [...bounds] });
    const of = { source: SOURCE, "source-layer": vector_layers[0]!.id };
    const above = this.#map.getLayer("area-fill") ? "area-fill" : undefined;
    this.#map.addLayer({ ...of, id: FILL, type: "fill", paint: { "fill-color": COLOR, "fill-opacity": ["case", IS_FAINT, 0.08, 0.3] } }, above);
    const line = (id: string, color: ExpressionSpecification | string, width: number | ExpressionSpecification): void => {
      this.#map.addLayer({ ...of, id, type: "line", paint: { "line-color": color, "line-width": width, "line-opacity": ["case", IS_FAINT, 0.4, 1] } }, above);
    };
    line(LINES[0], "#fff", ["case", IS_CONFIRMED, 5.5, 4]);
    line(LINES[1], COLOR, ["case", IS_CONFIRMED, 3.5, 2]);
    line(LINES[2], "#111", 2.5);
    this.choose(this.#chosen);
  }
}
