/** The page as a whole: the layer, the place, the areas and the regions now shown, and how one leads to the next. */

import type { Map as MapLibreMap } from "maplibre-gl";
import * as api from "./api";
import { Areas } from "./area/areas";
import { ChartView } from "./chart_view";
import { Districts } from "./districts/districts";
import { element } from "./dom";
import { errorMessage } from "./errors";
import { LayerView } from "./layer_view";
import { keepLink, readLink, type Link, type Step } from "./link";
import { keepClearOf, onPlace } from "./map";
import type { Notice } from "./notice";
import { Parcels } from "./parcels/parcels";
import { PointQuery } from "./point_query";
import { shapeOf, whenOf } from "./regions/region";
import { Regions } from "./regions/regions";
import { Routes } from "./route/routes";
import { Status } from "./status";
import { Updates } from "./updates";
import { Zones } from "./zones/zones";

export class Page {
  readonly #map: MapLibreMap;
  readonly #status: Status;
  readonly #layerView: LayerView;
  readonly #pointQuery: PointQuery;
  readonly #areas: Areas;
  readonly #chartView: ChartView;
  readonly #regions: Regions;
  readonly #districts: Districts;
  readonly #parcels: Parcels;
  readonly #zones: Zones;
  readonly #routes: Routes;
  readonly #updates: Updates;

  constructor(map: MapLibreMap, notice: Notice) {
    this.#map = map;
    this.#status = new Status(map, notice);
    this.#pointQuery = new PointQuery(map, () => this.#remember("replace"));
    this.#layerView = new LayerView(map, this.#status, {
      shown: (shown, step) => {
        this.#chartView.setLayer(shown.product, shown.when, shown.tilejson);
        this.#districts.setLayer(shown.product, shown.when);
        this.#parcels.setLayer(shown.product, shown.tilejson);
        this.#zones.setLayer(shown.product, shown.when);
        this.#routes.setLayer(shown.product, shown.when);
        this.#remember(step);
        void this.#pointQuery.refresh(shown);
      },
      swiped: () => this.#remember("replace"),
    });
    keepClearOf(map, element("panel", HTMLElement), element("chart", HTMLElement), element("route-card", HTMLElement));
    // Before the areas listen: the click that closes a shape must find them still drawing.
    onPlace(map, (place) => {
      if (this.#areas.isDrawing || this.#routes.isDrawing) return;
      this.#regions.openAt(place);
      this.#districts.tellAt(place);
      this.#parcels.chooseAt(place);
      this.#zones.chooseAt(place);
      void this.#pointQuery.query(place, this.#layerView.shown);
    });
    this.#regions = new Regions(map, {
      open: (region) => void this.#openRegion(region),
      count: (region) => {
        this.#areas.setArea({ id: null, name: region.region_name, shape: shapeOf(region) });
        void this.#openRegion(region);
      },
    });
    this.#districts = new Districts(map, {
      changed: () => this.#remember("replace"),
      chart: (area) => void this.#areas.restore(area, true),
    });
    this.#zones = new Zones(map, () => this.#remember("replace"));
    this.#parcels = new Parcels(map, {
      changed: () => this.#remember("replace"),
      chart: (area) => void this.#areas.restore(area, false),
      zoned: () => void this.#zones.refresh(),
    });
    this.#chartView = new ChartView({
      period: (period) => this.#layerView.goTo(period),
      addArea: () => this.#areas.addSecond(),
      dropArea: () => this.#areas.dropSecond(),
      close: () => this.#areas.clear(),
    });
    this.#areas = new Areas(map, {
      changed: (areas) => {
        if (areas.length) this.#routes.clear(); // one card has room
        this.#chartView.setAreas(areas);
        this.#remember("replace");
      },
      products: () => this.#chartView.layers,
      canStayFresh: () => this.#chartView.layers.length > 0 && Boolean(this.#layerView.shown?.product.source),
      lines: (file) => this.#routes.open(file),
    });
    this.#routes = new Routes(map, {
      changed: (route) => {
        if (route) this.#areas.clear();
        this.#remember("replace");
      },
      period: (period) => this.#layerView.goTo(period),
    });
    map.on("moveend", () => {
      this.#remember("replace");
      this.#layerView.hintAtZoom();
    });
    window.addEventListener("popstate", () => void this.#follow(readLink(location.hash)));
    window.addEventListener("keydown", (event) => event.key === "Escape" && this.#onEscape());
    this.#updates = new Updates({
      changed: (products, filled) => this.#updateProducts(products, filled),
      unchanged: async () => {
        await this.#regions.refresh();
        await this.#layerView.refreshTiles();
        await this.#districts.refresh();
        await this.#parcels.refresh();
        await this.#zones.refresh();
        await this.#routes.refresh();
      },
    });
    element("skip", HTMLButtonElement).addEventListener("click", () => map.getCanvas().focus());
  }

  /** Ask what there is, then open what the link names, or the first layer that has something to show. */
  async start(link: Link): Promise<void> {
    void this.#regions.refresh();
    this.#layerView.setLoading(true);
    try {
      const products = await api.products();
      const named = products.find(({ id }) => id === link.product);
      const first = named ?? products.find(({ periods }) => periods.count > 0) ?? products[0];
      if (!first) throw new api.ApiError("This server has no layers yet.", 0);
      this.#setProducts(products);
      if (link.areas && named) this.#districts.restore(link.areas);
      if (link.parcels && named) this.#parcels.restore();
      if (link.zones && named) this.#zones.restore();
      if (link.swipe && named) this.#layerView.startSwipe(link.swipe);
      await this.#layerView.open(first.id, link, "replace", named ? link.view : null);
      if (link.at && named) await this.#pointQuery.query(link.at, this.#layerView.shown);
      if (link.route && named) await this.#routes.restore(link.route, link.view === null);
      if (link.area && named) await this.#areas.restore(link.area, link.view === null);
      if (link.product && !named) this.#layerView.showError(`There is no layer called “${link.product}”.`, () => {}, "Dismiss");
    } catch (error) {
      this.#layerView.setLoading(false);
      this.#layerView.showError(errorMessage(error), () => void this.start(link));
    }
  }

  #setProducts(products: readonly api.ProductSummary[]): void {
    this.#updates.setKnown(products);
    this.#layerView.setProducts(products);
    this.#chartView.setProducts(products);
  }

  /** Layers have other periods than before; those filled had none. */
  async #updateProducts(products: readonly api.ProductSummary[], filled: readonly api.ProductSummary[]): Promise<void> {
    this.#setProducts(products);
    const opened = this.#layerView.opened;
    await this.#layerView.updateProducts(products);
    const [first] = filled;
    if (!first || first.id === opened || this.#status.hasNotice) return;
    const names = filled.map(({ title }) => `“${title}”`).join(", ");
    this.#status.showHint(`New data is available: ${names}.`, () => void this.#layerView.open(first.id, { period: null }, "push"), "Show");
  }

  /** Go where the browser's back or forward button leads. */
  async #follow(link: Link): Promise<void> {
    if (link.areas) this.#districts.restore(link.areas);
    await this.#layerView.follow(link);
    // What has been drawn since stays: the way back must not lose it.
    if (link.area && !this.#areas.link) await this.#areas.restore(link.area, false);
    if (link.route && !this.#routes.link) await this.#routes.restore(link.route, false);
  }

  async #openRegion(region: api.Region): Promise<void> {
    const when = whenOf(region);
    if (when) await this.#layerView.open(region.product, when, "push", this.#map.getCenter());
  }

  /** Escape leaves the drawing, then the chosen place. */
  #onEscape(): void {
    if (this.#routes.isDrawing) this.#routes.cancelDrawing();
    else if (this.#areas.isDrawing) this.#areas.cancelDrawing();
    else this.#pointQuery.clear();
  }

  #remember(step: Step): void {
    const shown = this.#layerView.shown;
    if (!shown) return;
    const { lng, lat } = this.#map.getCenter().wrap();
    const link: Link = {
      product: shown.product.id,
      period: shown.when.period,
      windows: shown.when.windows,
      view: { zoom: this.#map.getZoom(), lng, lat },
      at: this.#pointQuery.place,
      area: this.#areas.link,
      route: this.#routes.link,
      swipe: this.#layerView.swipe,
      areas: this.#districts.link,
      parcels: this.#parcels.isOn,
      zones: this.#zones.isOn,
    };
    keepLink(link, step);
  }
}
