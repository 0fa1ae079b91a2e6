/** Colours for values of areas: a ramp from the least to the most, or for changes one with zero in its middle. */

import type { AreasTileJSON, AreaValue, Legend, ProductDetail } from "../api";
import { roundTicks } from "../chart/axis";
import { formatTick, formatUnit } from "../numbers";

/** From little to much: distinguishable without red or green, and on a light and a dark ground (ColorBrewer's YlOrRd). */
const RAMP = ["#ffffb2", "#fecc5c", "#fd8d3c", "#f03b20", "#bd0026"];
/** From less to more (ColorBrewer's RdBu, turned round). */
const CHANGE = ["#2166ac", "#92c5de", "#f7f7f7", "#f4a582", "#b2182b"];
export const NO_VALUE = "#8d9794";

export interface Scale {
  /** Values, ascending, and their colours. */
  readonly stops: readonly (readonly [value: number, color: string])[];
  readonly ticks: readonly number[];
}

/** The scale of values between two, both included; of changes the larger of both sets its ends. */
export function scaleOf(low: number, high: number, isChange: boolean): Scale {
  const from = Math.min(low, 0);
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const values = isChange ? roundTicks(0, most, 4) : roundTicks(from, high > from ? high : from + 1, 4);
  const last = values.at(-1)!;
  const first = isChange ? -last : values[0]!;
  const colors = isChange ? CHANGE : RAMP;
  const stops = colors.map((color, index) => [first + ((last - first) * index) / (colors.length - 1), color] as const);
  return { stops, ticks: isChange ? [first, 0, last] : [first, (first + last) / 2, last] };
}

/** The scale of a layer's own legend, so that a parcel has the colour of its pixels; null of one without a ramp. */
export function legendScale({ kind, colors, rescale }: Legend): Scale | null {
  if (kind !== "continuous" || !rescale || colors.length < 2) return null;
  const [low, high] = rescale;
  const stops = colors.map((color, index) => [low + ((high - low) * index) / (colors.length - 1), color] as const);
  return { stops, ticks: [low, (low + high) / 2, high] };
}

type Choice = readonly [value: AreaValue, title: string];

/** What a layer offers of each area. */
export function valuesOf({ lit_above, lit_changes_above, unit }: Pick<ProductDetail, "lit_above" | "lit_changes_above" | "unit">): Choice[] {
  const at = ([first]: readonly number[]): string => (first === undefined ? "" : `${formatTick(first)} ${formatUnit(unit)}`.trimEnd());
  const [above, changed] = [at(lit_above), at(lit_changes_above)];
  const lit: Choice[] = [["lit_area_km2", `Lit area above ${above}`], ["lit_share", `Lit share above ${above}`], ["area_weighted_sum", "Sum of lights"]];
  const changes: Choice[] = [
    ["newly_lit_km2", `Newly lit area at ${changed}`],
    ["newly_lit_share", `Newly lit share at ${changed}`],
    ["dimmed_km2", `Dimmed area at ${changed}`],
    ["dimmed_share", `Dimmed share at ${changed}`],
  ];
  return [["mean", "Mean"], ["median", "Median"], ...(above ? lit : []), ...(changed ? changes : [])];
}

/** The unit of what is shown. */
export function unitName({ unit }: Pick<AreasTileJSON, "unit">): string {
  return unit === null ? "" : unit.split(" km2").length > 1 || unit === "km2" ? `${formatUnit(unit.replace(/ ?km2$/, ""))} km²`.trim() : formatUnit(unit);
}
