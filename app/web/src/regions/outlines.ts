/** What the regions' scenes cover, on the map: outlines over the layer, shades below it, so that its colours stay true. */

import type { GeoJSONSource, Map as MapLibreMap } from "maplibre-gl";
import type { Coverage, Place } from "../api";
import { GRATICULE_SOURCE } from "../basemap";
import { ageColor } from "./region";

const SOURCE = "coverage";
const FILL = "coverage-fill";
const LAYERS = [FILL, "coverage-casing", "coverage-line", "coverage-chosen"];

export class CoverageOutlines {
  readonly #map: MapLibreMap;
  #coverage: Coverage = { type: "FeatureCollection", features: [] };
  #isShown = true;
  #chosen = "";

  constructor(map: MapLibreMap) {
    this.#map = map;
    map.on("style.load", () => this.#restore()); // and again after a lost graphics context
    if (map.isStyleLoaded()) this.#restore();
  }

  draw(coverage: Coverage): void {
    this.#coverage = coverage;
    this.#write();
  }

  show(isShown: boolean): void {
    this.#isShown = isShown;
    for (const layer of LAYERS) this.#map.setLayoutProperty(layer, "visibility", isShown ? "visible" : "none");
  }

  /** Outline one region more strongly. */
  choose(name: string): void {
    this.#chosen = name;
    if (this.#map.getLayer(LAYERS[3]!)) this.#map.setFilter(LAYERS[3]!, ["==", ["get", "name"], name]);
  }

  /** Names of the regions shown at a place. */
  at(place: Place): string[] {
    if (!this.#map.getLayer(FILL)) return [];
    const found = this.#map.queryRenderedFeatures(this.#map.project(place), { layers: [FILL] });
    return found.map(({ properties }) => String(properties["name"]));
  }

  #restore(): void {
    if (this.#map.getSource(SOURCE)) return;
    this.#map.addSource(SOURCE, { type: "geojson", data: { type: "FeatureCollection", features: [] } });
    const layout = { "line-join": "round", visibility: this.#isShown ? "visible" : "none" } as const;
    const above = this.#map.getLayer("area-fill") ? "area-fill" : undefined;
    const line = (id: string, color: string | ["get", string], width: number): void => {
      this.#map.addLayer({ id, type: "line", source: SOURCE, layout, paint: { "line-color": color, "line-width": width } }, above);
    };
    this.#map.addLayer(
      {
        id: FILL,
        type: "fill",
        source: SOURCE,
        layout: { visibility: layout.visibility },
        paint: { "fill-color": ["get", "color"], "fill-opacity": ["case", ["get", "covered"], 0.35, 0.05] },
      },
      GRATICULE_SOURCE,
    );
    line(LAYERS[1]!, "#fff", 4.5);
    line(LAYERS[2]!, ["get", "color"], 2.5);
    line(LAYERS[3]!, ["get", "color"], 5);
    this.choose(this.#chosen);
    this.#write();
  }

  #write(): void {
    const features = this.#coverage.features.map(({ geometry, properties }) => ({
      type: "Feature" as const,
      geometry,
      properties: { name: properties.region_name, color: ageColor(properties), covered: properties.covered_fraction !== 0 },
    }));
    void this.#map.getSource<GeoJSONSource>(SOURCE)?.setData({ type: "FeatureCollection", features });
  }
}
