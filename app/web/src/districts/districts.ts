/** The map of saved areas: coloured by what they keep of the layer and time shown. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { get, type AreasTileJSON, type Place, type ProductDetail, type When } from "../api";
import { errorMessage } from "../errors";
import type { AreasLink } from "../link";
import { AreaTiles } from "./area_tiles";
import { scaleOf, unitName, valuesOf } from "./scale";
import { DistrictsSection } from "./section";

export interface DistrictsEvents {
  /** The link is another now. */
  readonly changed: () => void;
  /** The area of an id is to be charted. */
  readonly chart: (area: string) => void;
}

export class Districts {
  readonly #tiles: AreaTiles;
  readonly #section: DistrictsSection;
  #product: ProductDetail | null = null;
  #period = "";
  #drawn: AreasTileJSON | null = null;
  #asking = new AbortController();

  constructor(map: MapLibreMap, events: DistrictsEvents) {
    this.#tiles = new AreaTiles(map, "districts");
    this.#section = new DistrictsSection({
      changed: () => {
        events.changed();
        void this.refresh();
      },
      chart: events.chart,
    });
  }

  /** What a link has to say of it; null where the map has none. */
  get link(): AreasLink | null {
    const { isOn, value, isChange, kind } = this.#section;
    return isOn ? { value, isChange, kind } : null;
  }

  /** Show it as a link says, as soon as there is a layer. */
  restore(link: AreasLink): void {
    this.#section.restore(link);
  }

  /** The map shows this layer and time. */
  setLayer(product: ProductDetail, { period }: When): void {
    if (product === this.#product && period === this.#period) return;
    this.#product = product;
    this.#period = period;
    const isCounted = product.kind === "continuous";
    this.#section.setValues(isCounted ? valuesOf(product) : [], product.windows.length > 0);
    void this.refresh();
  }

  /** Ask again what the areas have, where somebody looks at it. */
  async refresh(): Promise<void> {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const product = this.#product;
    if (product) this.#section.setCsv(`areas/timeseries?${this.#fields(product, { f: "csv" })}`);
    if (!product || !this.#section.isOn) return this.#remove();
    if (!this.#drawn) this.#section.showLoading();
    const asked = { period: this.#period, value: this.#section.value, ...(this.#section.isChange ? { change: "true" } : {}) };
    try {
      this.#draw(await get<AreasTileJSON>(`areas/tiles.json?${this.#fields(product, asked)}`, signal), product.synthetic);
    } catch (error) {
      if (signal.aborted) return;
      this.#remove();
      this.#section.showError(errorMessage(error));
    }
  }

  /** Tell of the area at a place, where areas are shown. */
  tellAt(place: Place): void {
    const found = this.#drawn && this.#tiles.at(place);
    if (found) this.#section.tell(found, unitName(this.#drawn!), this.#drawn!.before !== null);
  }

  #draw(tilejson: AreasTileJSON, isSynthetic: boolean): void {
    const { low, high, before } = tilejson;
    const scale = low === null || high === null ? null : scaleOf(low, high, before !== null);
    const isSame = JSON.stringify(tilejson) === JSON.stringify(this.#drawn);
    this.#drawn = tilejson;
    if (isSame) return;
    this.#section.showScale(tilejson, scale, isSynthetic);
    if (tilejson.areas) this.#tiles.draw(tilejson, scale ?? scaleOf(0, 1, false));
    else this.#tiles.remove();
  }

  #remove(): void {
    this.#drawn = null;
    this.#tiles.remove();
  }

  #fields(product: ProductDetail, more: Record<string, string>): string {
    const kind = this.#section.kind;
    return String(new URLSearchParams({ product: product.id, ...(kind ? { kind } : {}), ...more }));
  }
}
