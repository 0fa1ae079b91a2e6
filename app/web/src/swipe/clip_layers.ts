/** Two raster layers side by side on one map: WebGL draws each within its part of the picture alone. */

import type { CustomLayerInterface, Map as MapLibreMap } from "maplibre-gl";
import { FIRST_LINE_LAYER } from "../basemap";

/** Tiles of the left picture are inserted before it. */
export const LEFT_END = "swipe-left-end";
/** Tiles of the right picture are inserted before it. */
export const RIGHT_END = "swipe-right-end";
const LEFT_BEGIN = "swipe-left-begin";

export class ClipLayers {
  readonly #map: MapLibreMap;
  /** Pixels of the page, from the left edge of the map. */
  #x = 0;

  constructor(map: MapLibreMap) {
    this.#map = map;
  }

  setSplit(x: number): void {
    this.#x = x;
    this.#map.triggerRepaint();
  }

  add(): void {
    const ratio = (): number => this.#map.getPixelRatio();
    this.#insert(LEFT_BEGIN, (gl) => {
      gl.enable(gl.SCISSOR_TEST);
      gl.scissor(0, 0, Math.round(this.#x * ratio()), gl.drawingBufferHeight);
    });
    this.#insert(LEFT_END, (gl) => {
      const x = Math.round(this.#x * ratio());
      gl.scissor(x, 0, Math.max(0, gl.drawingBufferWidth - x), gl.drawingBufferHeight);
    });
    this.#insert(RIGHT_END, (gl) => gl.disable(gl.SCISSOR_TEST));
  }

  remove(): void {
    for (const id of [LEFT_BEGIN, LEFT_END, RIGHT_END]) if (this.#map.getLayer(id)) this.#map.removeLayer(id);
  }

  #insert(id: string, clip: (gl: WebGL2RenderingContext) => void): void {
    const layer: CustomLayerInterface = { id, type: "custom", renderingMode: "2d", render: (gl) => clip(gl as WebGL2RenderingContext) };
    if (!this.#map.getLayer(id)) this.#map.addLayer(layer, FIRST_LINE_LAYER);
  }
}
