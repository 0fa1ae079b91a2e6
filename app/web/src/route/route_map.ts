/** The route on the map, the line being drawn, and the place that the profile is read at. */

import { Marker, type GeoJSONSource, type Map as MapLibreMap } from "maplibre-gl";
import { build } from "../dom";
import type { Line } from "./line";
import type { Segment } from "./profile";

const SOURCE = "route";
/** Magenta: apart from the outlines of areas, from vegetation and from every ramp's ends. */
const COLOR = "#b3127f";
/** A pointer this near the route reads the profile there. */
const NEAR_PX = 14;

export class RouteMap {
  readonly #map: MapLibreMap;
  readonly #marker: Marker;
  #line: Line | null = null;
  #corners: readonly GeoJSON.Position[] = [];

  constructor(map: MapLibreMap) {
    this.#map = map;
    const dot = build("div", "route-marker");
    dot.setAttribute("aria-hidden", "true");
    this.#marker = new Marker({ element: dot });
    map.on("style.load", () => this.#restore()); // and again after a lost graphics context
    if (map.isStyleLoaded()) this.#restore();
  }

  show(line: Line | null): void {
    this.#line = line;
    this.#corners = [];
    this.#write();
  }

  /** Show the line so far, to where the pointer is, and its corners. */
  sketch(corners: readonly GeoJSON.Position[], pointer: GeoJSON.Position | null): void {
    this.#line = { type: "LineString", coordinates: pointer ? [...corners, pointer] : [...corners] };
    this.#corners = corners;
    this.#write();
  }

  /** Mark a piece's place, or none. */
  mark(segment: Segment | null): void {
    this.#marker.remove();
    if (segment) this.#marker.setLngLat([segment.lon, segment.lat]).addTo(this.#map);
  }

  /** The piece nearest to a point of the screen; null where none is near. */
  nearest(point: { readonly x: number; readonly y: number }, segments: readonly Segment[]): number | null {
    let [found, least]: [number | null, number] = [null, NEAR_PX];
    if (!this.#touches(point)) return null;
    for (const [index, { lon, lat }] of segments.entries()) {
      const at = this.#map.project([lon, lat]);
      const distance = Math.hypot(at.x - point.x, at.y - point.y);
      if (distance < least || found === null) [found, least] = [index, distance];
    }
    return found;
  }

  #touches({ x, y }: { readonly x: number; readonly y: number }): boolean {
    if (!this.#map.getLayer("route-line")) return false;
    const box: [[number, number], [number, number]] = [[x - NEAR_PX, y - NEAR_PX], [x + NEAR_PX, y + NEAR_PX]];
    return this.#map.queryRenderedFeatures(box, { layers: ["route-line"] }).length > 0;
  }

  #restore(): void {
    if (this.#map.getSource(SOURCE)) return;
    this.#map.addSource(SOURCE, { type: "geojson", data: { type: "FeatureCollection", features: [] } });
    const round = { "line-join": "round", "line-cap": "round" } as const;
    this.#map.addLayer({ id: "route-casing", type: "line", source: SOURCE, layout: round, paint: { "line-color": "#fff", "line-width": 6 } });
    this.#map.addLayer({ id: "route-line", type: "line", source: SOURCE, layout: round, paint: { "line-color": COLOR, "line-width": 3 } });
    this.#map.addLayer({
      id: "route-corners",
      type: "circle",
      source: SOURCE,
      filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": 5, "circle-color": "#fff", "circle-stroke-color": COLOR, "circle-stroke-width": 2.5 },
    });
    this.#write();
  }

  #write(): void {
    const geometries: GeoJSON.Geometry[] = this.#corners.map((coordinates) => ({ type: "Point", coordinates }));
    if (this.#line && (this.#line.type === "MultiLineString" || this.#line.coordinates.length > 1)) geometries.push(this.#line);
    const features: GeoJSON.Feature[] = geometries.map((geometry) => ({ type: "Feature", properties: {}, geometry }));
    void this.#map.getSource<GeoJSONSource>(SOURCE)?.setData({ type: "FeatureCollection", features });
  }
}
