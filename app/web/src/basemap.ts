/** The ground under the layers, bundled with the page: sea, land and coast (Natural Earth, public domain). */

import type { Map as MapLibreMap, StyleSpecification } from "maplibre-gl";

const EMPTY: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };
const DARK = window.matchMedia("(prefers-color-scheme: dark)");

const LIGHT_GROUND = { sea: "#cdd9df", land: "#e6e7e4", coast: "#93a4a8", line: "#c3cac9" };
const DARK_GROUND = { sea: "#0c1315", land: "#1a2322", coast: "#46585a", line: "#2c3a3b" };

/** Layers are inserted before this one: above the ground, below the coastline. */
export const FIRST_LINE_LAYER = "coast";
export const GRATICULE_SOURCE = "graticule";

export function groundStyle(): StyleSpecification {
  const ground = DARK.matches ? DARK_GROUND : LIGHT_GROUND;
  return {
    version: 8,
    sources: {
      land: { type: "geojson", data: EMPTY, attribution: "Land: Natural Earth" },
      [GRATICULE_SOURCE]: { type: "geojson", data: EMPTY },
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": ground.sea } },
      { id: "land", type: "fill", source: "land", paint: { "fill-color": ground.land, "fill-antialias": false } },
      { id: "graticule", type: "line", source: GRATICULE_SOURCE, paint: { "line-color": ground.line, "line-width": 0.75 } },
      {
        id: "coast",
        type: "line",
        source: "land",
        // A 1:50 million coast is off by kilometres, so it leaves the map before that shows.
        paint: {
          "line-color": ground.coast,
          "line-width": 0.75,
          "line-opacity": ["interpolate", ["linear"], ["zoom"], 6, 1, 9, 0],
        },
      },
    ],
  };
}

/** Follow the reader's light or dark preference while the page is open. */
export function followScheme(map: MapLibreMap): void {
  DARK.addEventListener("change", () => {
    const ground = DARK.matches ? DARK_GROUND : LIGHT_GROUND;
    map.setPaintProperty("sea", "background-color", ground.sea);
    map.setPaintProperty("land", "fill-color", ground.land);
    map.setPaintProperty("graticule", "line-color", ground.line);
    map.setPaintProperty("coast", "line-color", ground.coast);
  });
}
