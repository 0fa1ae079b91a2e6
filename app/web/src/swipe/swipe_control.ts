/** From the layer and time shown to a swipe: which two pictures it is between, and the switch in the panel. */

import type { Map as MapLibreMap } from "maplibre-gl";
import type { ProductDetail, ProductSummary, TileJSON } from "../api";
import { element } from "../dom";
import { periodLabel, usualEarlier, windowLabel } from "../periods";
import { Swipe, type Picture } from "./swipe";

/** In a link: the two pictures are those of the layer's own windows. */
const OWN_WINDOWS = "pre";

export interface SwipeControlEvents {
  /** The layer itself gives way to two pictures, of itself or of another layer, or comes back. */
  readonly changed: (isOn: boolean, isAnother: boolean) => void;
  /** The link is another now. */
  readonly chosen: () => void;
  readonly failed: (error: unknown) => void;
  readonly tilesFailed: (reason: string) => void;
}

export class SwipeControl {
  readonly #block = element("swipe-block", HTMLDivElement);
  readonly #switch = element("swipe-switch", HTMLButtonElement);
  readonly #row = element("swipe-row", HTMLDivElement);
  readonly #list = element("swipe-period", HTMLSelectElement);
  readonly #summary = element("swipe-summary", HTMLParagraphElement);
  readonly #events: SwipeControlEvents;
  readonly #swipe: Swipe;
  #products: readonly ProductSummary[] = [];
  #product: ProductDetail | null = null;
  #tilejson: TileJSON | null = null;
  #isActive = false;
  /** Of a layer that shows one time: the left picture's. */
  #earlier: string | null = null;

  constructor(map: MapLibreMap, events: SwipeControlEvents) {
    this.#events = events;
    this.#swipe = new Swipe(map, { failed: events.tilesFailed });
    this.#switch.addEventListener("click", () => {
      this.setActive(!this.#isActive);
      events.chosen();
    });
    this.#list.addEventListener("change", () => {
      this.#earlier = this.#list.value;
      void this.#draw();
      events.chosen();
    });
  }

  /** For a link; null while there is no swipe. */
  get link(): string | null {
    if (!this.#isActive) return null;
    return this.#product?.windows.length ? OWN_WINDOWS : this.#earlier;
  }

  setProducts(products: readonly ProductSummary[]): void {
    this.#products = products;
  }

  /** The map shows this layer and time. */
  setLayer(product: ProductDetail, tilejson: TileJSON): void {
    this.#product = product;
    this.#tilejson = tilejson;
    this.#block.hidden = this.#pictures() === null;
    void this.#draw();
  }

  /** Nothing is shown that could be compared. */
  clear(): void {
    this.#product = this.#tilejson = null;
    this.#block.hidden = true;
    this.#stop();
  }

  /** Begin or end a swipe; `earlier` as a link names it. */
  setActive(isActive: boolean, earlier: string | null = null): void {
    this.#isActive = isActive;
    if (earlier && earlier !== OWN_WINDOWS) this.#earlier = earlier;
    void this.#draw();
  }

  setOpacity(share: number): void {
    this.#swipe.setOpacity(share);
  }

  async #draw(): Promise<void> {
    const pictures = this.#isActive ? this.#pictures() : null;
    this.#switch.setAttribute("aria-pressed", String(this.#isActive));
    this.#row.hidden = pictures === null;
    if (!pictures) return this.#stop();
    const [left, right] = pictures;
    const isOneLayer = this.#product?.id === left.product;
    element("swipe-earlier", HTMLDivElement).hidden = !isOneLayer;
    const title = this.#products.find(({ id }) => id === left.product)?.title ?? left.product;
    this.#summary.textContent = `${isOneLayer ? "" : `${title}. `}${left.label} on the left, ${right.label} on the right.`;
    try {
      const drawn = this.#swipe.show(left, right);
      this.#events.changed(true, !isOneLayer);
      this.#row.dataset["state"] = "drawing";
      await drawn;
      this.#row.dataset["state"] = "drawn";
    } catch (error) {
      this.#events.failed(error);
    }
  }

  #stop(): void {
    if (this.#swipe.isOn) this.#swipe.hide();
    this.#events.changed(false, false);
  }

  /** What there is to compare: of a layer with windows a picture at each of the two; else an earlier period and this one. */
  #pictures(): readonly [Picture, Picture] | null {
    const [product, tilejson] = [this.#product, this.#tilejson];
    if (!product || !tilejson) return null;
    if (!product.windows.length) return this.#periods(product, tilejson.period);
    const shown = this.#counterpart(product);
    const [after, before] = product.windows.map((role) => tilejson.windows?.[role]);
    if (!shown || !after || !before || before.period.includes(" ")) return null; // several years are no one picture
    const asked = new URL(tilejson.tiles[0]!, document.baseURI).searchParams;
    const picture = (period: string, label: string): Picture => ({ product: shown.id, kind: shown.kind, period, label });
    return [
      picture(asked.get(product.windows[1]!) ?? before.period, `${before.title}: ${windowLabel(before)}`),
      picture(asked.get("datetime") ?? after.period, `${after.title}: ${windowLabel(after)}`),
    ];
  }

  #periods({ id, kind, periods }: ProductDetail, period: string): readonly [Picture, Picture] | null {
    const earlier = periods.filter((each) => each !== period);
    if (!earlier.length) return null;
    const chosen = this.#earlier && earlier.includes(this.#earlier) ? this.#earlier : usualEarlier(earlier, period);
    this.#earlier = chosen;
    this.#list.replaceChildren(...earlier.map((each) => new Option(periodLabel(each), each, false, each === chosen)));
    const picture = (text: string): Picture => ({ product: id, kind, period: text, label: periodLabel(text) });
    return [picture(chosen), picture(period)];
  }

  /** A picture of one time from the same collection: in true colour, or else the first there is. */
  #counterpart({ collection }: ProductDetail): ProductSummary | null {
    const single = this.#products.filter((each) => each.collection === collection && !each.windows.length && each.periods.count > 0);
    return single.find(({ kind }) => kind === "rgb") ?? single[0] ?? null;
  }
}
