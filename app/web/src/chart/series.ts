/** Series of statistics: asked of the server, and read as they come. */

import { ApiError, get, request, sentence, timeQuery, type Cadence, type Entry, type Kind, type Statistics, type TimeSeries, type When } from "../api";
import type { Area } from "../area/polygon";

/** What a chart needs to know of a layer. */
export interface Layer {
  readonly id: string;
  readonly title: string;
  readonly unit: string | null;
  readonly kind: Kind;
  readonly cadence: Cadence | null;
  /** Of a layer with classes: name → colour. */
  readonly colors: ReadonlyMap<string, string>;
  /** Why a place has no value → its colour on the map. */
  readonly absent: ReadonlyMap<string, string>;
  /** Names of conditions whose area is counted. */
  readonly counted: readonly string[];
  /** Whether a value compares windows. */
  readonly isComparing: boolean;
  /** Ascending. */
  readonly periods: readonly string[];
}

export interface Series {
  readonly layer: Layer;
  readonly area: Area;
  /** Ascending, gaps included. */
  readonly entries: readonly Entry[];
  /** What the shares are of, where it is not an area. */
  readonly whole?: string;
}

/** What part of a layer's time is charted, and in steps of what. */
export interface Span {
  readonly first: string;
  readonly last: string;
  /** null takes every period by itself. */
  readonly step: Cadence | null;
}

/** The entries of a series: those kept with a saved area, or else each as soon as it is counted. */
export async function* readSeries(layer: Layer, area: Area, span: Span, signal: AbortSignal): AsyncGenerator<Entry> {
  const kept = area.id === null || span.step !== null ? null : await readKept(layer, area.id, span, signal);
  yield* kept ?? count(layer, area, span, signal);
}

/** What the windows of a time come to over an area: one entry, or one a year where they go over its end. */
export async function readChange(layer: Layer, area: Area, when: When, signal: AbortSignal): Promise<readonly Entry[]> {
  const step = when.period.includes("/") ? "&step=year" : "";
  const response = await request(`products/${encodeURIComponent(layer.id)}/statistics?${timeQuery(when)}${step}`, {
    method: "POST",
    body: { type: "Feature", properties: {}, geometry: area.shape },
    timeoutMs: null,
    signal,
  });
  const feature = (await response.json()) as Statistics;
  return feature.properties.series;
}

/** The kept series; null where a part of it would be missing, or where the database is away. */
async function readKept(layer: Layer, id: string, { first, last }: Span, signal: AbortSignal): Promise<readonly Entry[] | null> {
  const fields = new URLSearchParams({ product: layer.id, start: first, end: last });
  try {
    const answer = await get<TimeSeries>(`areas/${id}/timeseries?${fields}`, signal);
    return answer.pending ? null : answer.series;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 503 || error.status === 404)) return null;
    throw error;
  }
}

async function* count(layer: Layer, area: Area, span: Span, signal: AbortSignal): AsyncGenerator<Entry> {
  const step = span.step ? `&step=${span.step}` : "";
  const response = await request(`products/${encodeURIComponent(layer.id)}/statistics?datetime=${span.first}/${span.last}${step}`, {
    method: "POST",
    body: { type: "Feature", properties: {}, geometry: area.shape },
    accept: "application/x-ndjson",
    timeoutMs: null,
    signal,
  });
  for await (const line of lines(response)) {
    const entry = JSON.parse(line) as Entry | { readonly detail: string };
    if ("detail" in entry) throw new ApiError(sentence(entry.detail), 0);
    yield entry;
  }
}

async function* lines(response: Response): AsyncGenerator<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    yield* parts.filter(Boolean);
  }
  if (rest) yield rest;
}

/** The band drawn around the mean: the asked percentiles, or all there is. */
export function bandOf({ percentiles, min, max }: Entry): readonly [low: number, high: number] | null {
  const low = percentiles["p2"] ?? min;
  const high = percentiles["p98"] ?? max;
  return low === null || high === null || low === undefined || high === undefined ? null : [low, high];
}
