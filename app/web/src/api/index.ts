/** How the server is asked. Addresses are relative to the page. */

import type { Collection, PointAnswer, ProductDetail, ProductSummary, TileJSON } from "./types";

export type * from "./types";

/** A time to be shown: the period, or the tested window, and those chosen for other roles. */
export interface When {
  readonly period: string;
  readonly windows: Windows;
}

/** Role → period or interval; a role that is not named follows from the tested window. */
export type Windows = Readonly<Record<string, string>>;

/** A failure told in the reader's words; `status` is 0 where no answer came at all. */
export class ApiError extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Long enough for a cold server to open its storage, short enough for a reader to wait. */
const TIMEOUT_MS = 30_000;

export const NO_ANSWER = "The server is not responding. Check your connection and try again.";

interface RequestOptions {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly body?: unknown;
  readonly accept?: string;
  /** null waits for as long as the reader does. */
  readonly timeoutMs?: number | null;
  /** Writing may need the reader's key. */
  readonly isWriting?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await request(path, { signal })).json()) as T;
}

/** Ask the server; any answer but a success becomes an ApiError. */
export async function request(path: string, options: RequestOptions): Promise<Response> {
  const { method = "GET", body, accept = "application/json", timeoutMs = TIMEOUT_MS, isWriting = false, signal } = options;
  const headers: Record<string, string> = { Accept: accept };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const key = isWriting || OWNED.test(path) ? apiKey() : null;
  if (key) headers["Authorization"] = `Bearer ${key}`;
  const limits = [...(signal ? [signal] : []), ...(timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)])];
  let response: Response;
  try {
    response = await fetch(address(path), {
      method,
      headers,
      signal: AbortSignal.any(limits),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(NO_ANSWER, 0);
  }
  if (response.status === 401 && key) sessionStorage.removeItem(KEY); // it would be refused again and again
  if (!response.ok) throw new ApiError(await errorDetail(response), response.status);
  return response;
}

const KEY = "tilewatch-key";

/** What may belong to owners, whose keys alone may read it then. */
const OWNED = /^(areas|zones|analy[sz]es?|routes|jobs)\b/;

/** The reader's API key: kept until the tab is closed, sent to this server alone. */
function apiKey(): string | null {
  return sessionStorage.getItem(KEY);
}

/** How the map is to ask for tiles of what may belong to owners. */
export function tileRequest(url: string): { url: string; headers?: Record<string, string> } {
  const base = new URL(document.baseURI);
  const [, path = ""] = url.split(base.href.slice(0, base.href.lastIndexOf("/") + 1));
  const key = OWNED.test(path) ? apiKey() : null;
  return key ? { url, headers: { Authorization: `Bearer ${key}` } } : { url };
}

export function keepApiKey(key: string): void {
  sessionStorage.setItem(KEY, key);
}

/** The sentence of a problem+json answer, or one of our own where the answer has none. */
async function errorDetail(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  if (typeof body === "object" && body !== null && "detail" in body && typeof body.detail === "string") {
    return sentence(body.detail);
  }
  if (response.status === 503) return "The server is busy or cannot reach its storage. Try again in a moment.";
  return `The request failed (error ${response.status}).`;
}

export function sentence(text: string): string {
  const trimmed = text.trim();
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** The absolute form of an address of the server, whatever path prefix the page lives under. */
export function address(path: string): string {
  return new URL(path, document.baseURI).href.replaceAll("%7B", "{").replaceAll("%7D", "}");
}

export async function products(signal?: AbortSignal): Promise<readonly ProductSummary[]> {
  return (await get<{ readonly products: readonly ProductSummary[] }>("products", signal)).products;
}

export function product(id: string, signal?: AbortSignal): Promise<ProductDetail> {
  return get(`products/${encodeURIComponent(id)}`, signal);
}

/** The periods of a collection, ascending. */
export async function collectionPeriods(id: string, signal?: AbortSignal): Promise<readonly string[]> {
  return (await get<Collection>(`collections/${encodeURIComponent(id)}`, signal))["tilewatch:periods"];
}

/** Tiles are always drawn on 256 px of the page; a dense screen has twice the pixels there. */
export const TILE_SIZE = 256;

/** How to draw a layer; without a time its latest one. */
export function tilejson(id: string, when: When | null, signal?: AbortSignal): Promise<TileJSON> {
  const tilesize = window.devicePixelRatio >= 1.5 ? 2 * TILE_SIZE : TILE_SIZE;
  return get(`${tilejsonPath(id, when ? timeQuery(when) : "")}&tilesize=${tilesize}`, signal);
}

export function tilejsonPath(id: string, query: string): string {
  return `products/${encodeURIComponent(id)}/WebMercatorQuad/tilejson.json?${query}`;
}

export function xyzPath(id: string, query: string): string {
  return `tiles/${encodeURIComponent(id)}/{z}/{x}/{y}.png?${query}`;
}

/** A time as requests name it. Periods and intervals hold nothing that an address would have to hide. */
export function timeQuery({ period, windows }: When): string {
  return [["datetime", period], ...Object.entries(windows)].map(([name, text]) => `${name}=${text}`).join("&");
}

/** The time of a TileJSON with all its windows named, so that an address of it keeps its meaning. */
export function pinnedQuery({ tiles }: TileJSON): string {
  const fields = [...new URL(address(tiles[0]!)).searchParams];
  return fields.filter(([name]) => name !== "v" && name !== "tilesize").map(([name, text]) => `${name}=${text}`).join("&");
}

/** The value at a place; five decimals of a degree are about a metre. */
export function point(id: string, place: Place, when: When, signal?: AbortSignal): Promise<PointAnswer> {
  const lonlat = `${place.lng.toFixed(5)},${place.lat.toFixed(5)}`;
  return get(`products/${encodeURIComponent(id)}/point/${lonlat}?${timeQuery(when)}`, signal);
}

export interface Place {
  readonly lng: number;
  readonly lat: number;
}
