/** Changing a shape: corners are dragged, edges pulled at their middle, a double click takes a corner out. */

import type { Map as MapLibreMap, MapMouseEvent, MapTouchEvent, PointLike } from "maplibre-gl";
import { MOST_CORNERS } from "./outlines";
import { cornersOf, withCorner, withoutCorner, zoomOfCorners, type Corner, type Shape } from "./polygon";

const REACH_PX = 9;
const FINGER_REACH_PX = 24;
/** The double click that closed a shape takes nothing out of it. */
const CLOSING_MS = 500;

export interface CornerEditorEvents {
  /** `isDone` when the hand has let go. */
  readonly changed: (shape: Shape, isDone: boolean) => void;
}

interface Grip {
  readonly corner: Corner;
  readonly before: Shape;
}

export class CornerEditor {
  readonly #map: MapLibreMap;
  readonly #events: CornerEditorEvents;
  #shape: Shape | null = null;
  #grip: Grip | null = null;
  #moved = false;
  #startedAt = 0;

  constructor(map: MapLibreMap, events: CornerEditorEvents) {
    this.#map = map;
    this.#events = events;
    map.on("mousedown", (event) => this.#grab(event, REACH_PX));
    map.on("touchstart", (event) => (event.points.length === 1 ? this.#grab(event, FINGER_REACH_PX) : this.#drop()));
    map.on("mousemove", (event) => this.#drag(event));
    map.on("touchmove", (event) => this.#drag(event));
    map.on("dblclick", (event) => this.#removeCorner(event));
    for (const end of ["mouseup", "touchend", "touchcancel"]) window.addEventListener(end, () => this.#drop());
  }

  /** Edit the corners of this shape, or of none. */
  edit(shape: Shape | null): void {
    const handles = shape ? cornersOf(shape).length : 0;
    this.#shape = handles > 2 * MOST_CORNERS ? null : shape;
    this.#startedAt = performance.now();
    this.#grip = null;
  }

  #grab(event: MapMouseEvent | MapTouchEvent, reach: number): void {
    const corner = this.#nearest(event.point, reach);
    if (!corner || !this.#shape) return;
    event.preventDefault(); // the map stands still
    this.#grip = { corner, before: this.#shape };
    this.#moved = false;
  }

  #drag(event: MapMouseEvent | MapTouchEvent): void {
    if (!this.#grip) {
      const isOver = event.type === "mousemove" && this.#shape && this.#nearest(event.point, REACH_PX);
      if (this.#shape) this.#map.getCanvas().style.cursor = isOver ? "move" : "";
      return;
    }
    const { corner, before } = this.#grip;
    const lng = event.lngLat.lng + 360 * Math.round(((corner.at[0] ?? 0) - event.lngLat.lng) / 360);
    this.#shape = withCorner(before, corner, [lng, event.lngLat.lat]);
    this.#moved = true;
    this.#events.changed(this.#shape, false);
  }

  #drop(): void {
    if (this.#grip && this.#moved && this.#shape) this.#events.changed(this.#shape, true);
    this.#grip = null;
    this.#moved = false;
  }

  #removeCorner(event: MapMouseEvent): void {
    const corner = this.#nearest(event.point, REACH_PX);
    if (!corner || corner.isMiddle || !this.#shape || performance.now() - this.#startedAt < CLOSING_MS) return;
    event.preventDefault(); // the map does not zoom
    this.#shape = withoutCorner(this.#shape, corner);
    this.#events.changed(this.#shape, true);
  }

  /** The corner or middle within reach; a corner before a middle. */
  #nearest(point: PointLike & { x: number; y: number }, reach: number): Corner | null {
    if (!this.#shape || this.#map.getZoom() < zoomOfCorners(this.#shape)) return null;
    const world = 512 * 2 ** this.#map.getZoom();
    const found = cornersOf(this.#shape).map((corner) => {
      const at = this.#map.project([corner.at[0] ?? 0, corner.at[1] ?? 0]);
      const across = Math.abs(at.x - point.x);
      const beside = Math.abs(across - world * Math.round(across / world)); // in any copy of the world
      return { corner, distance: Math.hypot(beside, at.y - point.y) + (corner.isMiddle ? 3 : 0) };
    });
    const best = found.reduce<(typeof found)[number] | null>((a, b) => (a && a.distance <= b.distance ? a : b), null);
    return best && best.distance <= reach ? best.corner : null;
  }
}
