/** Drawing a polygon or a line on the map: by pointer, finger or keyboard. */

import type { Map as MapLibreMap, MapMouseEvent } from "maplibre-gl";
import type { Position } from "./polygon";

/** A click this near the last corner ends the drawing, near the first one closes a polygon; a finger is less exact. */
const CLOSING_PX = window.matchMedia("(pointer: coarse)").matches ? 22 : 9;

export interface DrawingEvents {
  readonly sketched: (corners: readonly Position[], pointer: Position | null) => void;
  readonly drawn: (corners: readonly Position[]) => void;
  readonly cancelled: () => void;
}

/** The one that is going on: a click belongs to no more than one. */
let current: Drawing | null = null;

export class Drawing {
  readonly #map: MapLibreMap;
  readonly #events: DrawingEvents;
  /** Corners that it takes. */
  readonly #least: number;
  #corners: Position[] | null = null;

  constructor(map: MapLibreMap, kind: "polygon" | "line", events: DrawingEvents) {
    this.#map = map;
    this.#least = kind === "polygon" ? 3 : 2;
    this.#events = events;
    map.on("click", (event) => this.#corners && this.#clicked(event));
    map.on("mousemove", (event) => this.#corners && this.#events.sketched(this.#corners, position(event)));
    map.getCanvas().addEventListener("keydown", (event) => this.#corners && this.#pressed(event));
    map.on("move", () => this.#corners && document.activeElement === map.getCanvas() && this.#pointAtMiddle());
  }

  get isOn(): boolean {
    return this.#corners !== null;
  }

  start(): void {
    if (current !== this) current?.cancel();
    current = this;
    this.#corners = [];
    this.#map.doubleClickZoom.disable();
    this.#map.getCanvas().style.cursor = "crosshair";
    this.#map.getCanvas().focus();
    this.#events.sketched([], null);
  }

  /** End it, where there are corners enough. */
  finish(): void {
    const corners = this.#corners;
    if (!corners || corners.length < this.#least) return;
    this.#stop();
    this.#events.drawn(corners);
  }

  undo(): void {
    if (!this.#corners?.length) return;
    this.#corners = this.#corners.slice(0, -1);
    this.#events.sketched(this.#corners, null);
  }

  cancel(): void {
    if (!this.#corners) return;
    this.#stop();
    this.#events.cancelled();
  }

  #stop(): void {
    this.#corners = null;
    this.#map.getCanvas().style.cursor = "";
    // The second click of a double click that closed the shape must not zoom.
    window.setTimeout(() => this.#corners ?? this.#map.doubleClickZoom.enable(), 400);
  }

  #clicked(event: MapMouseEvent): void {
    const corners = this.#corners ?? [];
    const near = (corner: Position | undefined): boolean =>
      corner !== undefined && this.#map.project([corner[0]!, corner[1]!]).dist(event.point) <= CLOSING_PX;
    const isClosed = this.#least > 2 && near(corners[0]);
    if (corners.length >= this.#least && (isClosed || near(corners.at(-1)))) this.finish();
    else if (!near(corners.at(-1))) this.#set(position(event));
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key === "Enter") this.finish();
    else if (event.key === "Backspace" || event.key === "Delete") this.undo();
    else if (event.key === " ") this.#set(this.#map.getCenter().toArray());
    else return;
    event.preventDefault();
  }

  #set(corner: Position): void {
    this.#corners = [...(this.#corners ?? []), corner];
    this.#events.sketched(this.#corners, corner);
  }

  /** By keyboard the map moves under the cross, and the next edge with it. */
  #pointAtMiddle(): void {
    const byKeyboard = this.#map.getCanvas().matches(":focus-visible");
    if (byKeyboard) this.#events.sketched(this.#corners ?? [], this.#map.getCenter().toArray());
  }
}

function position({ lngLat }: MapMouseEvent): Position {
  return lngLat.toArray();
}
