/** A search for zones in a part of the map: what is asked, and the job that does it. */

import { get, request, type Bbox, type ProductDetail, type When } from "../api";
import type { components } from "../api/schema";

export type Job = components["schemas"]["JobDocument"];

/** How often a job that runs is asked how far it has come. */
const EVERY_MS = 1_000;

export interface Wish {
  /** Which values are unusual; null has no such end. */
  readonly low: number | null;
  readonly high: number | null;
  /** Pixels that a zone has at least. */
  readonly cells: number;
}

/** Whether values of a layer can be searched: it has numbers, no classes and no colours. */
export function isSearched({ kind, unit }: Pick<ProductDetail, "kind" | "unit">): boolean {
  return kind === "continuous" && unit !== null;
}

/** Whether its values are standard deviations already, in which both sides are alike. */
export function isAnomaly({ unit }: Pick<ProductDetail, "unit">): boolean {
  return unit === "standard deviations";
}

/** The body of POST /analyze/scene. */
export function bodyOf(product: string, { period }: When, view: Bbox, { low, high, cells }: Wish): Record<string, unknown> {
  const ends = { ...(low === null ? {} : { low }), ...(high === null ? {} : { high }) };
  return { product, aoi: view, ...(period.includes("/") ? {} : { toi: period }), ...ends, minimum_cells: cells, zones: true };
}

export async function startSearch(body: Record<string, unknown>): Promise<Job> {
  return (await request("analyze/scene", { method: "POST", body, isWriting: true })).json() as Promise<Job>;
}

export async function cancelSearch(id: number): Promise<void> {
  await request(`jobs/${id}`, { method: "DELETE", isWriting: true });
}

/** The states of a job until it has ended. */
export async function* follow(job: Job, signal: AbortSignal): AsyncGenerator<Job> {
  let latest = job;
  yield latest;
  while (latest.status === "queued" || latest.status === "running") {
    await new Promise((done) => window.setTimeout(done, EVERY_MS));
    if (signal.aborted) return;
    latest = await get<Job>(`jobs/${job.id}`, signal);
    yield latest;
  }
}
