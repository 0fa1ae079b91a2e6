/** Regions as the server tells of them: boxes that a rotation keeps up to date. */

import { get, type Bbox, type Coverage, type Region, type When } from "../api";
import type { Shape } from "../area/polygon";

export function readCoverage(signal?: AbortSignal): Promise<Coverage> {
  return get("coverage", signal);
}

/** The windows of the refresh that is shown; null before the first. */
export function whenOf({ pre_start, pre_end, post_start, post_end }: Region): When | null {
  if (!pre_start || !post_start) return null;
  return { period: `${post_start}/${post_end}`, windows: { pre: `${pre_start}/${pre_end}` } };
}

/** The box; west above east crosses the antimeridian, and goes on past 180°. */
export function boxOf({ bbox: [west, south, east, north] }: Region): Bbox {
  return [west, south, east < west ? east + 360 : east, north];
}

/** The box as polygons that stay within ±180°. */
export function shapeOf({ bbox: [west, south, east, north] }: Region): Shape {
  if (west <= east) return { type: "Polygon", coordinates: rectangle(west, south, east, north) };
  return { type: "MultiPolygon", coordinates: [rectangle(west, south, 180, north), rectangle(-180, south, east, north)] };
}

function rectangle(west: number, south: number, east: number, north: number): GeoJSON.Position[][] {
  return [[[west, south], [east, south], [east, north], [west, north], [west, south]]];
}

/** Shades of age, the youngest first: up to so many days. Their lightness tells them apart without their hue. */
export const AGES = [
  { upTo: 7, label: "up to 7 days", color: "#0b6e5b" },
  { upTo: 14, label: "8 to 14 days", color: "#46b593" },
  { upTo: 30, label: "15 to 30 days", color: "#f0c04f" },
  { upTo: Infinity, label: "more than 30 days", color: "#c8530c" },
] as const;

export const NO_AGE = { label: "not refreshed yet", color: "#848c90" } as const;

export function ageColor({ age_days }: Region): string {
  return age_days === null ? NO_AGE.color : AGES.find(({ upTo }) => age_days <= upTo)!.color;
}
