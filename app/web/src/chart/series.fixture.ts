/** Layers, entries and areas for tests: ordinary ones, with what a test is about put in. */

import type { Entry } from "../api";
import type { Area } from "../area/polygon";
import type { Layer, Series } from "./series";

export const SQUARE: Area = {
  id: null,
  name: "Field",
  shape: { type: "Polygon", coordinates: [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]] },
};

export function layer(fields: Partial<Layer> = {}): Layer {
  return {
    id: "ndvi",
    title: "Vegetation",
    unit: "1",
    kind: "continuous",
    cadence: "month",
    colors: new Map(),
    absent: new Map(),
    counted: [],
    isComparing: false,
    periods: [],
    ...fields,
  };
}

export function entry(period: string, fields: Partial<Entry> = {}): Entry {
  return {
    period,
    status: "ok",
    valid_fraction: 1,
    area_km2: 2,
    valid_area_km2: 2,
    mean: null,
    median: null,
    std: null,
    min: null,
    max: null,
    sum: null,
    count: null,
    percentiles: {},
    classes: [],
    scenes: [],
    cell_size_m: 10,
    synthetic: false,
    ...fields,
  };
}

export function series(fields: Partial<Layer>, ...entries: readonly Entry[]): Series {
  return { layer: layer(fields), area: SQUARE, entries };
}
