/** Parcels on the map, coloured by the newest value of the layer shown; of a chosen one its chart and its verdict. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { get, type AreasTileJSON, type Place, type ProductDetail, type TileJSON } from "../api";
import { AreaTiles, type Found } from "../districts/area_tiles";
import { legendScale, scaleOf } from "../districts/scale";
import { errorMessage } from "../errors";
import { isKeyNeeded } from "../key_form";
import { onLanguage } from "../language/language";
import { formatUnit } from "../numbers";
import { analyseParcel, type ParcelAnalysis } from "./analysis";
import { ParcelsSection } from "./section";

/** What the earlier system, and this one, call them. */
const KIND = "parcel";

export interface ParcelsEvents {
  /** The link is another now. */
  readonly changed: () => void;
  /** The parcel of an id is to be charted. */
  readonly chart: (area: string) => void;
  /** There is another zone. */
  readonly zoned: () => void;
}

export class Parcels {
  readonly #tiles: AreaTiles;
  readonly #section: ParcelsSection;
  readonly #events: ParcelsEvents;
  #product: ProductDetail | null = null;
  #tilejson: TileJSON | null = null;
  #drawn: AreasTileJSON | null = null;
  #chosen: Found | null = null;
  #analysis: ParcelAnalysis | null = null;
  #error: unknown = null;
  #asking = new AbortController();
  #comparing = new AbortController();

  constructor(map: MapLibreMap, events: ParcelsEvents) {
    this.#events = events;
    this.#tiles = new AreaTiles(map, "parcels");
    this.#section = new ParcelsSection({
      changed: () => {
        events.changed();
        void this.refresh();
      },
      zone: () => void this.#compare(true),
    });
    onLanguage(() => {
      this.#show();
      this.#showChosen();
    });
  }

  /** Whether a link has to say that parcels are shown. */
  get isOn(): boolean {
    return this.#section.isOn;
  }

  restore(): void {
    this.#section.restore();
  }

  /** The map shows this layer. */
  setLayer(product: ProductDetail, tilejson: TileJSON): void {
    const isSame = product.id === this.#product?.id;
    this.#product = product;
    this.#tilejson = tilejson;
    this.#section.offer(product.kind !== "rgb");
    if (!isSame) this.#drawn = null;
    if (!isSame && this.#chosen) void this.#compare(false);
    void this.refresh();
  }

  /** Ask again what the parcels have, where somebody looks at it. */
  async refresh(): Promise<void> {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const product = this.#product;
    if (!product || !this.#section.isOn) return this.#remove();
    if (!this.#drawn) this.#section.showLoading();
    try {
      const query = new URLSearchParams({ product: product.id, period: "latest", kind: KIND });
      this.#draw(await get<AreasTileJSON>(`areas/tiles.json?${query}`, signal));
    } catch (error) {
      if (signal.aborted) return;
      this.#remove();
      this.#section.showError(errorMessage(error), isKeyNeeded(error) ? () => void this.refresh() : null);
    }
  }

  /** Choose the parcel at a place, if there is one. */
  chooseAt(place: Place): void {
    const found = this.#drawn && this.#tiles.at(place);
    if (!found) return;
    this.#chosen = found;
    this.#events.chart(found.id);
    void this.#compare(false);
  }

  #draw(tilejson: AreasTileJSON): void {
    const isSame = JSON.stringify(tilejson) === JSON.stringify(this.#drawn);
    this.#drawn = tilejson;
    if (isSame) return;
    this.#show();
    if (tilejson.areas) this.#tiles.draw(tilejson, this.#scale ?? scaleOf(0, 1, false));
    else this.#tiles.remove();
  }

  get #scale(): ReturnType<typeof scaleOf> | null {
    const { low = null, high = null } = this.#drawn ?? {};
    if (low === null || high === null) return null;
    return legendScale(this.#tilejson!.legend) ?? scaleOf(low, high, false);
  }

  #show(): void {
    if (this.#drawn) this.#section.showScale(this.#drawn, this.#scale, this.#product!.title, formatUnit(this.#drawn.unit));
  }

  #remove(): void {
    this.#drawn = null;
    this.#tiles.remove();
  }

  /** Compare the chosen parcel, and mark it as a zone where that is wished. */
  async #compare(zone: boolean): Promise<void> {
    const [chosen, product] = [this.#chosen, this.#product];
    if (!chosen || !product) return;
    this.#comparing.abort();
    const { signal } = (this.#comparing = new AbortController());
    this.#error = null;
    if (!zone) this.#analysis = null;
    this.#showChosen();
    try {
      this.#analysis = await analyseParcel(chosen.id, product.id, zone, signal);
      if (zone) this.#events.zoned();
    } catch (error) {
      if (signal.aborted) return;
      this.#error = error;
    }
    this.#showChosen(isKeyNeeded(this.#error) ? () => void this.#compare(zone) : null);
  }

  #showChosen(again: (() => void) | null = null): void {
    const parcel = this.#chosen;
    if (!parcel) return;
    const error = this.#error === null ? null : errorMessage(this.#error);
    this.#section.showChosen({ parcel, unit: formatUnit(this.#drawn?.unit ?? null), analysis: this.#analysis, error }, again);
  }
}
