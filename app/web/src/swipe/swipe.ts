/** Before and after: two pictures of one place, with a line between them that the reader moves. */

import type { Map as MapLibreMap } from "maplibre-gl";
import * as api from "../api";
import { TileLayer } from "../tile_layer";
import { Divider } from "./divider";
import { ClipLayers, LEFT_END, RIGHT_END } from "./clip_layers";

/** One of the two. */
export interface Picture {
  readonly product: string;
  readonly kind: api.Kind;
  readonly period: string;
  /** Said beside the line. */
  readonly label: string;
}

export interface SwipeEvents {
  readonly failed: (reason: string) => void;
}

export class Swipe {
  readonly #map: MapLibreMap;
  readonly #clip: ClipLayers;
  readonly #divider: Divider;
  readonly #sides: readonly [left: TileLayer, right: TileLayer];
  #isOn = false;
  #share = 0.5;
  #controller = new AbortController();

  constructor(map: MapLibreMap, events: SwipeEvents) {
    this.#map = map;
    this.#clip = new ClipLayers(map);
    // Before those of the tiles, which stand between the layers that clip: after a lost graphics context all are added again.
    map.on("style.load", () => this.#isOn && this.#clip.add());
    const told = { loading: () => {}, failed: events.failed };
    this.#sides = [new TileLayer(map, told, LEFT_END), new TileLayer(map, told, RIGHT_END)];
    this.#divider = new Divider((share) => {
      this.#share = share;
      this.#updateSplit();
    });
    map.on("resize", () => this.#updateSplit());
    new ResizeObserver(() => this.#updateSplit()).observe(document.getElementById("swipe")!);
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Show two pictures; resolves when both are drawn. */
  async show(left: Picture, right: Picture): Promise<void> {
    this.#controller.abort();
    const controller = (this.#controller = new AbortController());
    const pictures = [left, right];
    const documents = await Promise.all(
      pictures.map(({ product, period }) => api.tilejson(product, { period, windows: {} }, controller.signal)),
    );
    if (controller.signal.aborted) return;
    this.#isOn = true;
    this.#clip.add();
    this.#divider.show(left.label, right.label);
    await Promise.all(this.#sides.map((side, index) => side.show(documents[index]!, pictures[index]!.kind)));
  }

  hide(): void {
    this.#controller.abort();
    this.#isOn = false;
    for (const side of this.#sides) side.clear();
    this.#clip.remove();
    this.#divider.hide();
  }

  setOpacity(share: number): void {
    for (const side of this.#sides) side.setOpacity(share);
  }

  /** The line goes over the part of the map that is seen beside the panel. */
  #updateSplit(): void {
    const box = document.getElementById("swipe")!.getBoundingClientRect();
    const { left } = this.#map.getContainer().getBoundingClientRect();
    this.#clip.setSplit(box.left - left + this.#share * box.width);
  }
}
