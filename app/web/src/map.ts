/** The map itself: ground, controls, keyboard, and the place the reader points at. */

import {
  AttributionControl,
  type GeoJSONSource,
  Map as MapLibreMap,
  Marker,
  NavigationControl,
  ScaleControl,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { tileRequest, type Bbox, type Place } from "./api";
import { followScheme, groundStyle } from "./basemap";
import { build, element } from "./dom";
import { Graticule } from "./graticule";
import { fetchLand } from "./land";
import type { View } from "./link";

setWorkerUrl(workerUrl); // MapLibre 6 is ES modules only; under a bundler its worker must be named

/** Takes up what the panel and the chart cover now. */
let measure = (): void => {};
/** Where the map is flying to. */
let flight: Bbox | null = null;

/** Past this a pixel of the finest scenes fills the screen. */
const MAX_ZOOM = 20;

export function createMap(view: View | null): MapLibreMap {
  const map = new MapLibreMap({
    container: element("map", HTMLElement),
    style: groundStyle(),
    center: view ? [view.lng, view.lat] : [10, 25],
    zoom: view?.zoom ?? 1.4,
    maxZoom: MAX_ZOOM,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    renderWorldCopies: true,
    transformRequest: tileRequest,
    locale: { "Map.Title": "Map. Use the arrow keys to pan, plus and minus to zoom, and Enter to read the value at the centre." },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new AttributionControl({ compact: false }), "bottom-right");
  map.addControl(new NavigationControl({ showCompass: false }), "bottom-right");
  map.addControl(new ScaleControl({ maxWidth: 110 }), "bottom-right");
  followScheme(map);
  const graticule = new Graticule(map);
  const outlines = fetchLand();
  // Fires again after a lost graphics context, when the style has been rebuilt.
  map.on("style.load", () => {
    graticule.draw();
    void drawLand(map, outlines);
  });
  return map;
}

async function drawLand(map: MapLibreMap, outlines: Promise<GeoJSON.MultiPolygon>): Promise<void> {
  try {
    await map.getSource<GeoJSONSource>("land")?.setData(await outlines);
  } catch (error) {
    console.warn("The map goes without land outlines.", error);
  }
}

/** Keep what the panel and the chart cover free, so that "the centre" is the centre of what can be seen. */
export function keepClearOf(map: MapLibreMap, panel: HTMLElement, ...charts: readonly HTMLElement[]): void {
  measure = (): void => {
    const area = map.getContainer().getBoundingClientRect();
    const beside = panel.getBoundingClientRect();
    const left = beside.top < area.bottom && beside.right < area.right ? beside.right - area.left : 0;
    const below = charts.map((chart) => chart.getBoundingClientRect()).find(({ height }) => height > 0);
    const bottom = left > 0 && below ? area.bottom - below.top : 0;
    document.documentElement.style.setProperty("--covered", `${left}px`);
    document.documentElement.style.setProperty("--lifted", `${bottom}px`);
    const padding = map.getPadding();
    if (padding.left === left && padding.bottom === bottom) return;
    const aim = flight; // setting the padding ends it
    map.setPadding({ left, right: 0, top: 0, bottom });
    if (aim) zoomTo(map, aim);
  };
  const observer = new ResizeObserver(() => measure());
  observer.observe(map.getContainer());
  for (const chart of charts) observer.observe(chart);
  measure();
}

export function zoomTo(map: MapLibreMap, [west, south, east, north]: Bbox, animate = true): void {
  measure(); // a chart that has just opened is not told of before the next frame
  const small = map.getContainer().clientWidth < 600;
  map.fitBounds([west, south, east, north], { padding: small ? 24 : 56, maxZoom: 14, animate, duration: 700 });
  flight = map.isMoving() ? [west, south, east, north] : null;
  if (flight) void map.once("moveend", () => (flight = null));
}

export function isInView(map: MapLibreMap, [west, south, east, north]: Bbox): boolean {
  const view = map.getBounds();
  return west < view.getEast() && east > view.getWest() && south < view.getNorth() && north > view.getSouth();
}

/** A click, a tap, or Enter on the focused map names a place. */
export function onPlace(map: MapLibreMap, ask: (place: Place) => void): void {
  map.on("click", (event) => ask(event.lngLat.wrap()));
  map.getCanvas().addEventListener("keydown", (event) => {
    if (event.key === "Enter") ask(map.getCenter().wrap());
  });
}

export function placeMarker(): Marker {
  const ring = build("div", "marker");
  ring.setAttribute("aria-hidden", "true");
  return new Marker({ element: ring });
}

/** What the map shows, as the server takes it; null where that is the whole world. */
export function inView(map: MapLibreMap): Bbox | null {
  const bounds = map.getBounds();
  if (bounds.getEast() - bounds.getWest() >= 360) return null;
  const { lng: west, lat: south } = bounds.getSouthWest().wrap();
  const { lng: east, lat: north } = bounds.getNorthEast().wrap();
  return [west, south, east, north];
}
