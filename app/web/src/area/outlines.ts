/** The areas on the map: outlines over everything, and the corners of one that can be changed. */

import type { GeoJSONSource, Map as MapLibreMap } from "maplibre-gl";
import { cornersOf, zoomOfCorners, type Position, type Shape } from "./polygon";

/** Blue for the first area and orange for the second: apart for every kind of sight, and from vegetation. */
export const OUTLINE_COLORS = ["#1f66d1", "#d4570a"] as const;

const AREAS = "areas";
const CORNERS = "area-corners";

/** An outline of more corners is shown without them: they would touch. */
export const MOST_CORNERS = 400;

interface Sketch {
  readonly corners: readonly Position[];
  readonly pointer: Position | null;
  readonly slot: number;
}

export class Outlines {
  readonly #map: MapLibreMap;
  #shapes: readonly Shape[] = [];
  #sketch: Sketch | null = null;
  /** The slot of the shape whose corners are shown. */
  #changing: number | null = null;

  constructor(map: MapLibreMap) {
    this.#map = map;
    // Fires again after a lost graphics context, when the style has been rebuilt.
    map.on("style.load", () => this.#restore());
    if (map.isStyleLoaded()) this.#restore();
  }

  /** Show shapes, the corners of the one in slot `changing`, and the sketch of one being drawn. */
  show(shapes: readonly Shape[], changing: number | null, sketch: Sketch | null = null): void {
    this.#shapes = shapes;
    this.#changing = changing;
    this.#sketch = sketch;
    this.#write();
  }

  #restore(): void {
    if (this.#map.getSource(AREAS)) return;
    const empty: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };
    this.#map.addSource(AREAS, { type: "geojson", data: empty });
    this.#map.addSource(CORNERS, { type: "geojson", data: empty });
    const color = ["match", ["get", "slot"], 1, OUTLINE_COLORS[1], OUTLINE_COLORS[0]] as unknown as string;
    const filled = ["==", ["geometry-type"], "Polygon"] as unknown as boolean;
    this.#map.addLayer({ id: "area-fill", type: "fill", source: AREAS, filter: filled, paint: { "fill-color": color, "fill-opacity": 0.05 } });
    const round = { "line-join": "round", "line-cap": "round" } as const;
    this.#map.addLayer({ id: "area-casing", type: "line", source: AREAS, layout: round, paint: { "line-color": "#fff", "line-width": 5 } });
    this.#map.addLayer({ id: "area-line", type: "line", source: AREAS, layout: round, paint: { "line-color": color, "line-width": 2.5 } });
    this.#map.addLayer({
      id: CORNERS,
      type: "circle",
      source: CORNERS,
      paint: {
        "circle-radius": ["case", ["get", "middle"], 3.5, 5.5],
        "circle-color": ["case", ["get", "middle"], color, "#fff"],
        "circle-stroke-color": ["case", ["get", "middle"], "#fff", color],
        "circle-stroke-width": ["case", ["get", "middle"], 1.5, 2.5],
      },
    });
    this.#write();
  }

  #write(): void {
    const outlines: GeoJSON.Feature[] = this.#shapes.map((geometry, slot) => feature(geometry, { slot }));
    const corners: GeoJSON.Feature[] = [];
    const changing = this.#changing === null ? null : this.#shapes[this.#changing];
    if (changing) {
      const handles = cornersOf(changing);
      const slot = this.#changing!;
      if (handles.length <= 2 * MOST_CORNERS) corners.push(...handles.map(({ at, isMiddle }) => point(at, { slot, middle: isMiddle })));
    }
    if (this.#sketch) {
      const { corners: set, pointer, slot } = this.#sketch;
      const line = pointer ? [...set, pointer] : [...set];
      if (line.length > 1) outlines.push(feature({ type: "LineString", coordinates: line }, { slot }));
      if (line.length > 2) outlines.push(feature({ type: "Polygon", coordinates: [[...line, line[0]!]] }, { slot }));
      corners.push(...set.map((at) => point(at, { slot, middle: false })));
    }
    if (this.#map.getLayer(CORNERS)) this.#map.setLayerZoomRange(CORNERS, Math.min(24, changing ? zoomOfCorners(changing) : 0), 24);
    this.#put(AREAS, outlines);
    this.#put(CORNERS, corners);
  }

  #put(source: string, features: GeoJSON.Feature[]): void {
    void this.#map.getSource<GeoJSONSource>(source)?.setData({ type: "FeatureCollection", features });
  }
}

function feature(geometry: GeoJSON.Geometry, properties: GeoJSON.GeoJsonProperties): GeoJSON.Feature {
  return { type: "Feature", geometry, properties };
}

function point(coordinates: Position, properties: GeoJSON.GeoJsonProperties): GeoJSON.Feature {
  return feature({ type: "Point", coordinates }, properties);
}
