/** The exposure of a route over time, as the series that charts draw. */

import type { Entry, ProductDetail } from "../api";
import type { Layer, Series, Span } from "../chart/series";
import { formatUnit, formatValue } from "../numbers";
import type { Exposure, History } from "./profile";
import type { Route } from "./line";

/** Mean over the length, or a gap where too little of it has a value. */
export function seriesOf({ series }: History, product: ProductDetail, route: Route): Series {
  const area = { id: route.id, name: route.name, shape: { type: "Polygon" as const, coordinates: [] } };
  return { layer: layerOf(product), area, entries: series.map((each) => entryOf(each, product)), whole: "route" };
}

export function spanOf({ series }: History): Span | null {
  const [first, last] = [series[0], series.at(-1)];
  return first && last ? { first: first.period, last: last.period, step: null } : null;
}

function layerOf({ id, title, unit, cadence, periods }: ProductDetail): Layer {
  return { ...{ id, title, unit, cadence, periods }, kind: "continuous", colors: new Map(), absent: new Map(), counted: [], isComparing: false };
}

function entryOf({ period, reason, valid_share, mean, max, p95, synthetic }: Exposure, { unit }: ProductDetail): Entry {
  const further = p95 === null || max === null ? null : `95th percentile ${formatValue(p95)}, largest ${formatValue(max)} ${formatUnit(unit)}`;
  const said = further ?? reason ?? null;
  return {
    ...{ period, mean, synthetic, valid_fraction: valid_share },
    ...(said === null ? {} : { reason: said.trim() }),
    status: mean === null ? "empty" : valid_share < 0.999 ? "partial" : "ok",
    ...{ area_km2: 0, valid_area_km2: 0, median: null, std: null, min: null, max: null, sum: null, count: null, cell_size_m: null },
    ...{ percentiles: {}, classes: [], scenes: [] },
  };
}
