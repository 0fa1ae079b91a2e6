/** What a layer has along a route at one time, and what the server keeps of it over time. */

import { get, request, timeQuery, type Bbox, type When } from "../api";
import type { Line, Route } from "./line";

/** A piece of a route within one cell. */
export interface Segment {
  /** Which line of several. */
  readonly part: number;
  /** From the beginning, along the route; gaps between parts count nothing. */
  readonly start_m: number;
  readonly length_m: number;
  /** Of its middle. */
  readonly lon: number;
  readonly lat: number;
  readonly value: number | null;
  readonly state: SegmentState;
}

export type SegmentState = "ok" | "masked" | "nodata" | "outside" | "outside_zone" | "unreadable" | "no_scan";

/** What a time comes to over a route. */
export interface Exposure {
  readonly period: string;
  readonly status: "ok" | "partial" | "low_coverage" | "empty";
  readonly reason?: string;
  readonly length_km: number;
  readonly valid_share: number;
  /** null below the least share that counts, as the next two. */
  readonly mean: number | null;
  readonly max: number | null;
  readonly p95: number | null;
  /** Labels of the quality rules by which places are left out. */
  readonly rules: readonly string[];
  readonly synthetic: boolean;
}

export interface Profile extends Exposure {
  readonly unit: string | null;
  readonly geometry_source: "given" | "straight-line";
  readonly segments: readonly Segment[];
}

export interface History {
  readonly unit: string | null;
  readonly series: readonly Exposure[];
  /** How many are still to be calculated. */
  readonly pending: number;
}

/** What a layer has along a route at a time. */
export async function readProfile({ id, line, isStraight, isTrip }: Route, product: string, when: When, signal: AbortSignal): Promise<Profile> {
  if (id !== null) return get(`routes/${id}/profile?product=${encodeURIComponent(product)}${isTrip ? "" : `&${timeQuery(when)}`}`, signal);
  const source = isStraight ? "&geometry_source=straight-line" : "";
  const path = `products/${encodeURIComponent(product)}/profile?${timeQuery(when)}${source}`;
  const body = { type: "Feature", properties: {}, geometry: line };
  return (await (await request(path, { method: "POST", body, signal })).json()) as Profile;
}

export function readHistory(id: string, product: string, signal: AbortSignal): Promise<History> {
  return get(`routes/${id}/exposure?product=${encodeURIComponent(product)}`, signal);
}

interface RouteFeature {
  readonly id: number;
  readonly geometry: Line;
  readonly properties: { readonly name: string; readonly geometry_source: string; readonly departure?: string | null };
}

export async function readRoute(id: string): Promise<Route> {
  return routeOf(await get<RouteFeature>(`routes/${encodeURIComponent(id)}`));
}

/** Keep a route, and its exposure to a product with every new scan. */
export async function saveRoute({ line, isStraight }: Route, name: string, products: readonly string[]): Promise<Route> {
  const properties = { name, products, ...(isStraight ? { geometry_source: "straight-line" } : {}) };
  const body = { type: "Feature", geometry: line, properties };
  return routeOf((await (await request("routes", { method: "POST", body, isWriting: true })).json()) as RouteFeature);
}

const MOST_FOUND = 50;

/** Routes whose name has a text in it; without one those in a box. */
export async function findRoutes(bbox: Bbox | null, text: string, signal: AbortSignal): Promise<{ readonly routes: readonly Route[]; readonly hasMore: boolean }> {
  const fields = new URLSearchParams({ limit: String(MOST_FOUND) });
  if (text) fields.set("name", text);
  else if (bbox) fields.set("bbox", bbox.join(","));
  const page = await get<{ readonly features: readonly RouteFeature[]; readonly links: readonly { readonly rel: string }[] }>(`routes?${fields}`, signal);
  return { routes: page.features.map(routeOf), hasMore: page.links.some(({ rel }) => rel === "next") };
}

/** The server keeps MultiLineStrings or LineStrings; one of a single part is a line to the reader. */
function routeOf({ id, geometry, properties }: RouteFeature): Route {
  const only = geometry.type === "MultiLineString" && geometry.coordinates.length === 1 ? geometry.coordinates[0]! : null;
  const line: Line = only ? { type: "LineString", coordinates: only } : geometry;
  return { id: String(id), name: properties.name, line, isStraight: properties.geometry_source === "straight-line", isTrip: typeof properties.departure === "string" };
}

const WHY: Record<SegmentState, string> = {
  ok: "",
  masked: "left out by the quality rules",
  nodata: "no data",
  outside: "outside what the scenes cover",
  outside_zone: "where the layer does not apply",
  unreadable: "in a file that cannot be read",
  no_scan: "no scan at that time",
};

/** Why a piece has no value, in words. */
export function whyNone({ state }: Segment): string {
  return WHY[state] ?? "no value";
}

/** Neighbouring pieces that have values; a part of the route of its own begins another run. */
export function runsOf(segments: readonly Segment[]): Segment[][] {
  const runs: Segment[][] = [[]];
  for (const [index, segment] of segments.entries()) {
    if (segment.value === null || (index > 0 && segments[index - 1]!.part !== segment.part)) runs.push([]);
    if (segment.value !== null) runs.at(-1)!.push(segment);
  }
  return runs.filter((run) => run.length > 0);
}

/** The piece at a distance from the beginning: the last that begins there or before. */
export function indexAt(segments: readonly Segment[], distance_m: number): number {
  let [low, high] = [0, segments.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (segments[middle]!.start_m <= distance_m) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A distance as a reader writes it: "850 m", "12.4 km". */
export function formatDistance(metres: number): string {
  if (metres < 1000) return `${metres.toFixed(0)} m`;
  const km = metres / 1000;
  return `${km.toLocaleString("en", { maximumFractionDigits: km < 100 ? 1 : 0 })} km`;
}

/** The pieces as a table that spreadsheets read. */
export function csvOf({ segments, period, unit, geometry_source }: Profile): string {
  const head = "part,start_m,length_m,lon,lat,value,unit,state,period,geometry_source";
  const rows = segments.map((each) =>
    [each.part, each.start_m, each.length_m, each.lon, each.lat, each.value ?? "", unit ?? "", each.state, period, geometry_source].join(","),
  );
  return `${[head, ...rows].join("\r\n")}\r\n`;
}
