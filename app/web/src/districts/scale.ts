/** Colours for values of areas: a ramp from the least to the most, or for changes one with zero in its middle. */

import type { AreasTileJSON, AreaValue } from "../api";
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

/** What a layer offers of each area. */
export function valuesOf(litAbove: readonly number[], unit: string | null): (readonly [value: AreaValue, title: string])[] {
  const above = litAbove[0] === undefined ? "" : ` above ${formatTick(litAbove[0])} ${formatUnit(unit)}`.trimEnd();
  const lit = above ? ([["lit_area_km2", `Lit area${above}`], ["lit_share", `Lit share${above}`], ["area_weighted_sum", "Sum of lights"]] as const) : [];
  return [["mean", "Mean"], ["median", "Median"], ...lit];
}

/** The unit of what is shown. */
export function unitName({ unit }: Pick<AreasTileJSON, "unit">): string {
  return unit === null ? "" : unit.split(" km2").length > 1 || unit === "km2" ? `${formatUnit(unit.replace(/ ?km2$/, ""))} km²`.trim() : formatUnit(unit);
}
