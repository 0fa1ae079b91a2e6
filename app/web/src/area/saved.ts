/** The areas the server keeps: found by the part of the map in view or by name, and new ones saved. */

import { get, request, type AreaFeature, type AreaPage, type Bbox } from "../api";
import { polygonsOf, type Area, type Shape } from "./polygon";
import type { SaveWish } from "./section";

export interface FoundAreas {
  readonly areas: readonly Area[];
  /** Whether there are more than these. */
  readonly hasMore: boolean;
}

const MOST_FOUND = 50;

/** Areas in a box whose name has this text in it; all of the world where a text is given. */
export async function findAreas(bbox: Bbox | null, text: string, signal: AbortSignal): Promise<FoundAreas> {
  const fields = new URLSearchParams({ limit: String(MOST_FOUND) });
  if (text) fields.set("name", text);
  else if (bbox) fields.set("bbox", bbox.join(","));
  const page = await get<AreaPage>(`areas?${fields}`, signal);
  return { areas: page.features.map(areaOf), hasMore: page.links.some(({ rel }) => rel === "next") };
}

export async function readArea(id: string, signal?: AbortSignal): Promise<Area> {
  return areaOf(await get<AreaFeature>(`areas/${encodeURIComponent(id)}`, signal));
}

/** Keep an area, and the series of these products with it; feeds bring what they read, if that is wished. */
export async function saveArea(shape: Shape, { name, kind, isFed }: SaveWish, products: readonly string[]): Promise<Area> {
  const properties = { name, products, ...(kind ? { kind } : {}), ...(isFed ? { feed: true } : {}) };
  const body = { type: "Feature", geometry: shape, properties };
  return areaOf((await (await request("areas", { method: "POST", body, isWriting: true })).json()) as AreaFeature);
}

/** The server keeps MultiPolygons; one of a single part is a polygon to the reader. */
function areaOf({ id, geometry, properties }: AreaFeature): Area {
  const parts = polygonsOf(geometry);
  const shape: Shape = parts.length === 1 ? { type: "Polygon", coordinates: parts[0]! } : geometry;
  return { id: String(id), name: properties.name, shape };
}
