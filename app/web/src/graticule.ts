/** Meridians and parallels for the view, with their degrees written along two edges of the map. */

import type { GeoJSONSource, Map as MapLibreMap } from "maplibre-gl";
import { GRATICULE_SOURCE } from "./basemap";
import { build, element } from "./dom";
import { formatDegree } from "./numbers";

const STEPS_DEG = [45, 30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
/** Lines closer together than this would be a net rather than a help. */
const LEAST_SPACING_PX = 150;
const MERCATOR_LIMIT_DEG = 85;
/** Labels keep this far from the corners, and from the controls at the lower right. */
const EDGE_PX = 36;
const CONTROLS_PX = 150;

export class Graticule {
  readonly #map: MapLibreMap;
  readonly #labels = element("graticule", HTMLDivElement);

  constructor(map: MapLibreMap) {
    this.#map = map;
    map.on("move", () => this.#write());
    map.on("resize", () => this.#write());
    map.on("moveend", () => this.draw());
  }

  /** Put the lines of the present view on the map. */
  draw(): void {
    const source = this.#map.getSource<GeoJSONSource>(GRATICULE_SOURCE);
    if (!source) return;
    const bounds = this.#map.getBounds();
    const step = this.#step();
    // One view more on every side, so that dragging does not outrun the lines.
    const width = bounds.getEast() - bounds.getWest();
    const height = bounds.getNorth() - bounds.getSouth();
    const wide = width > 180;
    const west = wide ? -180 : bounds.getWest() - width;
    const east = wide ? 180 : bounds.getEast() + width;
    const south = Math.max(-MERCATOR_LIMIT_DEG, bounds.getSouth() - height);
    const north = Math.min(MERCATOR_LIMIT_DEG, bounds.getNorth() + height);
    const lines: GeoJSON.Position[][] = [
      ...multiples(step, west, east).map((lng) => [[lng, south], [lng, north]]),
      ...multiples(step, south, north).map((lat) => [[west, lat], [east, lat]]),
    ];
    void source.setData({ type: "MultiLineString", coordinates: lines });
    this.#write();
  }

  #step(): number {
    const pixelsPerDegree = (512 * 2 ** this.#map.getZoom()) / 360;
    return STEPS_DEG.findLast((step) => step * pixelsPerDegree >= LEAST_SPACING_PX) ?? 45;
  }

  /** Write the degrees where the lines meet the top and the right edge of the map. */
  #write(): void {
    const { clientHeight: height } = this.#map.getContainer();
    const bounds = this.#map.getBounds();
    const step = this.#step();
    const meridians = multiples(step, bounds.getWest(), bounds.getEast()).flatMap((lng) => {
      const x = this.#map.project([lng, bounds.getNorth()]).x;
      if (x < (this.#map.getPadding().left ?? 0) + EDGE_PX) return [];
      const label = build("span", "meridian", formatDegree(wrap(lng), step, "E", "W"));
      label.style.left = `${x}px`;
      return [label];
    });
    const parallels = multiples(step, bounds.getSouth(), bounds.getNorth()).flatMap((lat) => {
      const y = this.#map.project([bounds.getEast(), lat]).y;
      if (y < EDGE_PX || y > height - (this.#map.getPadding().bottom ?? 0) - CONTROLS_PX) return [];
      const label = build("span", "parallel", formatDegree(lat, step, "N", "S"));
      label.style.top = `${y}px`;
      return [label];
    });
    this.#labels.replaceChildren(...meridians, ...parallels);
  }
}

function multiples(step: number, from: number, to: number): number[] {
  const first = Math.ceil(from / step);
  const count = Math.max(0, Math.floor(to / step) - first + 1);
  return Array.from({ length: count }, (_, index) => (first + index) * step);
}

function wrap(lng: number): number {
  return ((((lng + 180) % 360) + 360) % 360) - 180;
}
