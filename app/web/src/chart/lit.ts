/** The lit area of night lights, beside their mean: its thresholds, an axis of its own, and its lines. */

import type { Entry, Lit } from "../api";
import { formatTick, formatUnit } from "../numbers";
import { roundTicks } from "./axis";
import type { Axis, Frame } from "./scales";
import type { Series } from "./series";

/** The thresholds of a series, as its entries have them. */
export function thresholdsOf({ entries }: Series): readonly Lit[] {
  const lit = entries.flatMap((entry) => entry.lit ?? []);
  return [...new Map(lit.map((each) => [each.above, each])).values()].toSorted((a, b) => a.above - b.above);
}

/** What is lit above a threshold; null where nothing was seen, which is not darkness. */
export function litOf(entry: Entry, above: number): Lit | null {
  if (entry.status === "empty") return null;
  return entry.lit?.find((each) => each.above === above) ?? null;
}

/** A threshold in words: "Lit above 1 nW cm⁻² sr⁻¹". */
export function litName({ above, meaning }: Lit, unit: string | null): string {
  return `Lit above ${formatTick(above)} ${formatUnit(unit)}`.trim() + (meaning ? ` (${meaning})` : "");
}

/** The axis at the right; null of a series without a lit area. */
export function litAxis(series: Series, { top, bottom }: Frame): Axis | null {
  const areas = series.entries.flatMap((entry) => (entry.status === "empty" ? [] : (entry.lit ?? []))).map(({ area_km2 }) => area_km2);
  if (!areas.length) return null;
  const values = roundTicks(0, areas.reduce((a, b) => Math.max(a, b)), 4);
  const y = (value: number): number => bottom - (value / values.at(-1)!) * (bottom - top);
  return { series: [1], title: "Lit area, km²", ticks: values.map((value) => ({ y: y(value), label: formatTick(value) })), y, isOfClasses: false };
}
