/** Zones on the map and in the panel, and how a reader judges one. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { get, type Place, type ProductDetail, type When, type ZonesTileJSON } from "../api";
import { boundsOf } from "../area/polygon";
import { errorMessage } from "../errors";
import { isKeyNeeded } from "../key_form";
import { onLanguage, tell } from "../language/language";
import { inView, zoomTo } from "../map";
import { Finder } from "./finder";
import { ZonesSection } from "./section";
import { findZones, judgeZone, readZone, type State, type Zone } from "./zone";
import { ZoneTiles } from "./zone_tiles";

export class Zones {
  readonly #map: MapLibreMap;
  readonly #tiles: ZoneTiles;
  readonly #section: ZonesSection;
  readonly #finder: Finder;
  #drawn: ZonesTileJSON | null = null;
  #listed: readonly Zone[] = [];
  #chosen: Zone | null = null;
  #asking = new AbortController();

  /** `changed`: the link is another now. */
  constructor(map: MapLibreMap, changed: () => void) {
    this.#map = map;
    this.#tiles = new ZoneTiles(map);
    this.#section = new ZonesSection({
      changed: () => {
        changed();
        void this.refresh();
      },
      choose: (zone) => {
        zoomTo(map, boundsOf(zone.geometry));
        this.#choose(zone, "");
      },
      judge: (zone, state) => void this.#judge(zone, state),
    });
    this.#finder = new Finder(map, () => {
      this.#tiles.reload();
      void this.refresh();
    });
    map.on("moveend", () => this.#section.isOn && void this.refresh());
    onLanguage(() => {
      if (this.#drawn) this.#section.showZones(this.#listed, this.#drawn.zones);
      if (this.#chosen) this.#section.showChosen(this.#chosen, "");
    });
  }

  /** Whether a link has to say that zones are shown. */
  get isOn(): boolean {
    return this.#section.isOn;
  }

  /** The map shows this layer and time. */
  setLayer(product: ProductDetail, when: When): void {
    this.#finder.setLayer(product, when);
  }

  restore(): void {
    this.#section.restore();
  }

  /** There may be other zones; show them, where somebody looks at them. */
  async refresh(): Promise<void> {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    if (!this.#section.isOn) return this.#remove();
    const state = this.#section.state;
    try {
      const [tilejson, listed] = await Promise.all([
        get<ZonesTileJSON>(`zones/tiles.json${state && `?state=${state}`}`, signal),
        findZones(inView(this.#map), state, signal),
      ]);
      this.#listed = listed;
      this.#section.showZones(listed, tilejson.zones);
      this.#draw(tilejson);
    } catch (error) {
      if (signal.aborted) return;
      this.#remove();
      this.#section.showError(errorMessage(error), isKeyNeeded(error) ? () => void this.refresh() : null);
    }
  }

  /** Choose the zone at a place, if there is one. */
  chooseAt(place: Place): void {
    const id = this.#drawn && this.#tiles.at(place);
    if (id !== null) void this.#read(id);
  }

  async #read(id: string): Promise<void> {
    try {
      this.#choose(await readZone(id), "");
    } catch (error) {
      this.#section.showError(errorMessage(error), null);
    }
  }

  #choose(zone: Zone, note: string): void {
    this.#chosen = zone;
    this.#tiles.choose(zone.id);
    this.#section.showChosen(zone, note);
  }

  async #judge(zone: Zone, state: State): Promise<void> {
    try {
      const judged = await judgeZone(zone.id, state);
      this.#choose(judged, tell("zones.saved", { id: zone.id, state: tell(`state.${state}`) }));
      this.#tiles.reload();
      await this.refresh();
    } catch (error) {
      this.#section.showError(errorMessage(error), isKeyNeeded(error) ? () => void this.#judge(zone, state) : null);
    }
  }

  #draw(tilejson: ZonesTileJSON): void {
    const isSame = JSON.stringify(tilejson) === JSON.stringify(this.#drawn);
    this.#drawn = tilejson;
    if (!isSame && tilejson.zones) this.#tiles.draw(tilejson);
    else if (!tilejson.zones) this.#tiles.remove();
  }

  #remove(): void {
    this.#drawn = null;
    this.#tiles.remove();
  }
}
