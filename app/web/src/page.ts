/** The page as a whole: the layer, the place, the areas and the regions now shown, and how one leads to the next. */

import type { Map as MapLibreMap } from "maplibre-gl";
import * as api from "./api";
import { Areas } from "./area/areas";
import { Asking } from "./point_query";
import { Charting } from "./chart_view";
import { element } from "./dom";
import { words } from "./errors";
import { keepLink, readLink, type Link, type Step } from "./link";
import { keepClearOf, onPlace } from "./map";
import { News } from "./updates";
import type { Notice } from "./notice";
import { shapeOf, whenOf, type Region } from "./regions/region";
import { Regions } from "./regions/regions";
import { Showing } from "./layer_view";
import { Status } from "./status";

export class Page {
  readonly #map: MapLibreMap;
  readonly #status: Status;
  readonly #showing: Showing;
  readonly #asking: Asking;
  readonly #areas: Areas;
  readonly #charting: Charting;
  readonly #regions: Regions;
  readonly #news: News;

  constructor(map: MapLibreMap, notice: Notice) {
    this.#map = map;
    this.#status = new Status(map, notice);
    this.#asking = new Asking(map, () => this.#remember("replace"));
    this.#showing = new Showing(map, this.#status, {
      shown: (shown, step) => {
        this.#charting.stand(shown.product, shown.when, shown.tilejson);
        this.#remember(step);
        void this.#asking.askAgain(shown);
      },
      swiped: () => this.#remember("replace"),
    });
    keepClearOf(map, element("panel", HTMLElement), element("chart", HTMLElement));
    // Before the areas listen: the click that closes a shape must find them still drawing.
    onPlace(map, (place) => {
      if (this.#areas.isDrawing) return;
      this.#regions.ask(place);
      void this.#asking.ask(place, this.#showing.shown);
    });
    this.#regions = new Regions(map, {
      open: (region) => void this.#openRegion(region),
      count: (region) => {
        this.#areas.take({ id: null, name: region.region_name, shape: shapeOf(region) });
        void this.#openRegion(region);
      },
    });
    this.#charting = new Charting({
      period: (period) => this.#showing.goTo(period),
      addArea: () => this.#areas.addSecond(),
      dropArea: () => this.#areas.dropSecond(),
      close: () => this.#areas.clear(),
    });
    this.#areas = new Areas(map, {
      changed: (areas) => {
        this.#charting.over(areas);
        this.#remember("replace");
      },
      products: () => this.#charting.layers,
    });
    map.on("moveend", () => {
      this.#remember("replace");
      this.#showing.hintAtZoom();
    });
    window.addEventListener("popstate", () => void this.#follow(readLink(location.hash)));
    window.addEventListener("keydown", (event) => event.key === "Escape" && this.#leave());
    this.#news = new News({
      changed: (products, begun) => this.#takeUp(products, begun),
      heard: async () => {
        await this.#regions.refresh();
        await this.#showing.renew();
      },
    });
    element("skip", HTMLButtonElement).addEventListener("click", () => map.getCanvas().focus());
  }

  /** Ask what there is, then open what the link names, or the first layer that has something to show. */
  async start(link: Link): Promise<void> {
    void this.#regions.refresh();
    this.#showing.wait(true);
    try {
      const products = await api.products();
      const named = products.find(({ id }) => id === link.product);
      const first = named ?? products.find(({ periods }) => periods.count > 0) ?? products[0];
      if (!first) throw new api.ApiError("This server offers no layers yet.", 0);
      this.#offer(products);
      if (link.swipe && named) this.#showing.wantSwipe(link.swipe);
      await this.#showing.open(first.id, link, "replace", named ? link.view : null);
      if (link.at && named) await this.#asking.ask(link.at, this.#showing.shown);
      if (link.area && named) await this.#areas.restore(link.area, link.view === null);
      if (link.product && !named) this.#showing.complain(`There is no layer “${link.product}” here.`, () => {}, "Dismiss");
    } catch (error) {
      this.#showing.wait(false);
      this.#showing.complain(words(error), () => void this.start(link));
    }
  }

  #offer(products: readonly api.ProductSummary[]): void {
    this.#news.know(products);
    this.#showing.offer(products);
    this.#charting.offer(products);
  }

  /** Layers have other periods than before; those begun had none. */
  async #takeUp(products: readonly api.ProductSummary[], begun: readonly api.ProductSummary[]): Promise<void> {
    this.#offer(products);
    const opened = this.#showing.opened;
    await this.#showing.takeUp(products);
    const [first] = begun;
    if (!first || first.id === opened || this.#status.isTelling) return;
    const names = begun.map(({ title }) => `“${title}”`).join(", ");
    this.#status.advise(`There is something to see now: ${names}.`, () => void this.#showing.open(first.id, { period: null }, "push"), "Show it");
  }

  /** Go where the browser's back or forward button leads. */
  async #follow(link: Link): Promise<void> {
    await this.#showing.follow(link);
    // What has been drawn since stays: the way back must not lose it.
    if (link.area && !this.#areas.link) await this.#areas.restore(link.area, false);
  }

  async #openRegion(region: Region): Promise<void> {
    const when = whenOf(region);
    if (when) await this.#showing.open(region.product, when, "push", this.#map.getCenter());
  }

  /** Escape leaves the drawing, then the chosen place. */
  #leave(): void {
    if (this.#areas.isDrawing) this.#areas.cancelDrawing();
    else this.#asking.forget();
  }

  #remember(step: Step): void {
    const shown = this.#showing.shown;
    if (!shown) return;
    const { lng, lat } = this.#map.getCenter().wrap();
    const link: Link = {
      product: shown.product.id,
      period: shown.when.period,
      windows: shown.when.windows,
      view: { zoom: this.#map.getZoom(), lng, lat },
      at: this.#asking.place,
      area: this.#areas.link,
      swipe: this.#showing.swipe,
    };
    keepLink(link, step);
  }
}
