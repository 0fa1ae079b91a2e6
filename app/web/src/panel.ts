/** The panel: which layer, how opaque, folded or not. */

import { drawAbout } from "./about";
import type { ProductDetail, ProductSummary, TileJSON } from "./api";
import { element } from "./dom";
import { drawLegend } from "./legend";

export interface PanelEvents {
  readonly choose: (product: string) => void;
  readonly opacity: (share: number) => void;
  readonly zoomToLayer: () => void;
}

const NOTHING_LANDED = "No data yet";

export class Panel {
  readonly #products = element("product", HTMLSelectElement);
  readonly #legend = element("legend", HTMLElement);
  readonly #synthetic = element("synthetic", HTMLSpanElement);
  readonly #handling = element("handling", HTMLDivElement);
  readonly #opacity = element("opacity", HTMLInputElement);

  constructor(events: PanelEvents) {
    this.#products.addEventListener("change", () => events.choose(this.#products.value));
    this.#opacity.addEventListener("input", () => events.opacity(this.#showOpacity()));
    element("zoom-to-layer", HTMLButtonElement).addEventListener("click", events.zoomToLayer);
    const fold = element("fold", HTMLButtonElement);
    fold.addEventListener("click", () => this.#fold(fold));
    this.#showOpacity();
  }

  get opacity(): number {
    return this.#opacity.valueAsNumber / 100;
  }

  /** Offer the products, one group a collection; those without data come last. */
  setProducts(products: readonly ProductSummary[]): void {
    const chosen = this.#products.value;
    const groups = Map.groupBy(products, ({ collection, periods }) => (periods.count > 0 ? collection : NOTHING_LANDED));
    const empty = groups.get(NOTHING_LANDED);
    if (groups.delete(NOTHING_LANDED)) groups.set(NOTHING_LANDED, empty!);
    this.#products.replaceChildren(
      ...[...groups].map(([name, members]) => {
        const group = document.createElement("optgroup");
        group.label = name;
        group.append(...members.map(({ title, id }) => new Option(title, id)));
        return group;
      }),
    );
    if (chosen) this.#products.value = chosen;
    element("waiting", HTMLParagraphElement).hidden = true;
    element("layer", HTMLDivElement).hidden = false;
  }

  setLoading(isLoading: boolean): void {
    element("waiting", HTMLParagraphElement).hidden = !isLoading;
  }

  /** Show a product; its legend follows with the first tiles. */
  showProduct(product: ProductDetail): void {
    this.#products.value = product.id;
    this.#synthetic.hidden = !product.synthetic;
    this.#legend.hidden = true;
    this.#legend.replaceChildren();
    this.#handling.hidden = product.periods.length === 0;
    drawAbout(product, null);
    document.title = `${product.title} · Tilewatch`;
  }

  /** What belongs to one period of the product: legend, addresses, whether it is synthetic. */
  showTileJson(product: ProductDetail, tilejson: TileJSON): void {
    this.#synthetic.hidden = !(product.synthetic || tilejson.synthetic);
    this.#legend.hidden = false;
    drawLegend(this.#legend, tilejson.legend);
    drawAbout(product, tilejson);
  }

  /** Another layer's pictures are on the map. */
  hideLegend(isHidden: boolean): void {
    this.#legend.hidden = isHidden || this.#legend.childElementCount === 0;
  }

  #showOpacity(): number {
    element("opacity-value", HTMLOutputElement).value = `${this.#opacity.value}%`;
    this.#opacity.style.setProperty("--filled", String(this.opacity));
    return this.opacity;
  }

  #fold(button: HTMLButtonElement): void {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    button.querySelector(".fold-text")!.textContent = open ? "Less" : "More";
    element("panel", HTMLElement).classList.toggle("folded", !open);
  }
}
