/** Regions on the page: their coverage on the map, their section in the panel, and how one leads to the other. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { ApiError, type Place, type Region } from "../api";
import { zoomTo } from "../map";
import { CoverageOutlines } from "./outlines";
import { boxOf, readCoverage } from "./region";
import { RegionSection } from "./section";

export interface RegionEvents {
  /** Show a region's layer with its windows. */
  readonly open: (region: Region) => void;
  /** Count that layer over the region. */
  readonly count: (region: Region) => void;
}

export class Regions {
  readonly #map: MapLibreMap;
  readonly #outlines: CoverageOutlines;
  readonly #section: RegionSection;
  #regions: readonly Region[] = [];

  constructor(map: MapLibreMap, events: RegionEvents) {
    this.#map = map;
    this.#outlines = new CoverageOutlines(map);
    this.#section = new RegionSection({
      outlines: (areShown) => this.#outlines.show(areShown),
      choose: (name) => this.#choose(name),
      open: events.open,
      count: events.count,
    });
  }

  /** Ask how the regions stand. */
  async refresh(): Promise<void> {
    try {
      const coverage = await readCoverage();
      this.#regions = coverage.features.map(({ properties }) => properties);
      this.#outlines.draw(coverage);
      this.#section.setRegions(this.#regions);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      console.info("The page goes without news of the regions.", error.message); // the next time brings them
    }
  }

  /** Open the smallest region at a place, where outlines are shown. */
  openAt(place: Place): void {
    const names = this.#outlines.at(place);
    const found = this.#regions.filter(({ region_name }) => names.includes(region_name));
    const [smallest] = found.toSorted((a, b) => a.area_km2 - b.area_km2);
    if (!smallest) return;
    this.#outlines.choose(smallest.region_name);
    this.#section.open(smallest.region_name);
  }

  #choose(name: string): void {
    this.#outlines.choose(name);
    const region = this.#regions.find(({ region_name }) => region_name === name);
    if (region) zoomTo(this.#map, boxOf(region));
  }
}
