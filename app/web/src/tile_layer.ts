/** The product's tiles on the map; a new period replaces the old one only once it is drawn. */

import type { ErrorEvent, Map as MapLibreMap, MapSourceDataEvent } from "maplibre-gl";
import { address, NO_ANSWER, TILE_SIZE, type Kind, type TileJSON } from "./api";
import { FIRST_LINE_LAYER } from "./basemap";

interface Frame {
  /** Of the source and of its one layer. */
  readonly id: string;
  readonly tilejson: TileJSON;
  readonly kind: Kind;
  readonly drawn: () => void;
  failed: boolean;
}

export interface TileEvents {
  readonly loading: (isLoading: boolean) => void;
  /** Told once a frame, however many of its tiles fail. */
  readonly failed: (reason: string) => void;
}

export class TileLayer {
  readonly #map: MapLibreMap;
  readonly #events: TileEvents;
  #shown: Frame | null = null;
  #coming: Frame | null = null;
  /** Drawn below this layer. */
  readonly #above: string;
  #opacity = 1;
  #isHidden = false;
  static #count = 0;
  #ready = false;

  constructor(map: MapLibreMap, events: TileEvents, above: string = FIRST_LINE_LAYER) {
    this.#map = map;
    this.#events = events;
    this.#above = above;
    map.on("sourcedataloading", (event) => this.#started(event));
    map.on("sourcedata", () => this.#swapWhenDrawn());
    map.on("idle", () => {
      this.#swapWhenDrawn();
      this.#events.loading(false);
    });
    map.on("error", (event) => this.#failed(event));
    map.on("style.load", () => this.#restore());
    map.on("webglcontextlost", () => (this.#ready = false));
  }

  /** Draw these tiles; resolves when they are on the map, or when something newer takes their place. */
  show(tilejson: TileJSON, kind: Kind): Promise<void> {
    return new Promise((drawn) => {
      this.#remove(this.#coming);
      this.#coming = { id: `tiles-${++TileLayer.#count}`, tilejson, kind, drawn, failed: false };
      this.#events.loading(true);
      this.#add(this.#coming, 0);
    });
  }

  clear(): void {
    this.#remove(this.#coming);
    this.#remove(this.#shown);
    this.#coming = this.#shown = null;
    this.#events.loading(false);
  }

  /** 0 (invisible) to 1. */
  setOpacity(opacity: number): void {
    this.#opacity = opacity;
    if (this.#shown && this.#ready) this.#map.setPaintProperty(this.#shown.id, "raster-opacity", opacity);
  }

  /** Hidden tiles are not asked for either. */
  setHidden(isHidden: boolean): void {
    this.#isHidden = isHidden;
    for (const frame of [this.#shown, this.#coming]) {
      if (frame && this.#map.getLayer(frame.id)) this.#map.setLayoutProperty(frame.id, "visibility", isHidden ? "none" : "visible");
    }
  }

  #add({ id, tilejson, kind }: Frame, opacity: number): void {
    if (!this.#ready) return; // style.load adds it
    this.#map.addSource(id, {
      type: "raster",
      tiles: tilejson.tiles.map(address),
      tileSize: TILE_SIZE,
      bounds: [...tilejson.bounds],
      minzoom: tilejson.minzoom,
      maxzoom: tilejson.maxzoom,
      ...(tilejson.attribution ? { attribution: tilejson.attribution } : {}),
    });
    this.#map.addLayer(
      {
        id,
        type: "raster",
        source: id,
        layout: { visibility: this.#isHidden ? "none" : "visible" },
        paint: {
          "raster-opacity": opacity,
          "raster-opacity-transition": { duration: 0, delay: 0 },
          "raster-fade-duration": 0,
          // Between two classes there is no colour; between two values there is.
          "raster-resampling": kind === "classes" ? "nearest" : "linear",
        },
      },
      this.#above,
    );
  }

  #remove(frame: Frame | null): void {
    if (!frame) return;
    if (this.#map.getLayer(frame.id)) this.#map.removeLayer(frame.id);
    if (this.#map.getSource(frame.id)) this.#map.removeSource(frame.id);
    frame.drawn();
  }

  #swapWhenDrawn(): void {
    const coming = this.#coming;
    if (!coming || !this.#map.getSource(coming.id) || !this.#map.isSourceLoaded(coming.id)) return;
    const previous = this.#shown;
    this.#shown = coming;
    this.#coming = null;
    this.#map.setPaintProperty(coming.id, "raster-opacity", this.#opacity);
    this.#remove(previous);
    coming.drawn();
  }

  /** The style is loaded, for the first time or again after a lost graphics context. */
  #restore(): void {
    this.#ready = true;
    if (this.#shown && !this.#map.getSource(this.#shown.id)) this.#add(this.#shown, this.#opacity);
    if (this.#coming && !this.#map.getSource(this.#coming.id)) this.#add(this.#coming, 0);
  }

  #started(event: MapSourceDataEvent): void {
    if (event.coord && this.#frame(event.sourceId)) this.#events.loading(true);
  }

  #failed(event: ErrorEvent): void {
    const frame = "sourceId" in event ? this.#frame(event.sourceId) : null;
    if (!frame) {
      console.warn("MapLibre:", event.error.message);
      return;
    }
    this.#swapWhenDrawn();
    if (frame.failed) return;
    frame.failed = true;
    this.#events.failed(reason(event.error));
  }

  #frame(id: unknown): Frame | null {
    return [this.#shown, this.#coming].find((frame) => frame?.id === id) ?? null;
  }
}

/** From which zoom on tiles are drawn; MapLibre counts zooms in tiles of 512 px. */
export function leastZoom({ minzoom }: TileJSON): number {
  return minzoom - Math.log2(512 / TILE_SIZE);
}

function reason(error: { message: string }): string {
  const status = "status" in error && typeof error.status === "number" ? error.status : 0;
  if (status === 0) return `Some tiles could not be loaded. ${NO_ANSWER}`;
  if (status === 503) return "Some tiles could not be drawn: the server is busy or cannot reach its storage.";
  return `Some tiles could not be drawn (error ${status}).`;
}
