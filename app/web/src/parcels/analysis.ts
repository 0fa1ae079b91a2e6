/** What the server says of a parcel, and that in sentences of the reader's language. */

import { request } from "../api";
import type { components } from "../api/schema";
import { tell, toldNumber, toldPeriod, toldShare, type Message } from "../language/language";

export type Level = "usual" | "drifting" | "notable" | "strong" | "unknown";
export type Direction = "low" | "high";
type Part = "value" | "history" | "monitoring" | "neighbours";

/** The answer of POST /analyze/parcel/{area}, as far as it is told. */
export interface ParcelAnalysis {
  readonly period: string;
  readonly verdict: {
    readonly level: Level;
    readonly direction: Direction | null;
    readonly basis: "history" | "neighbours" | null;
    readonly is_confirmed: boolean;
  };
  readonly value: number | null;
  readonly valid_fraction: number;
  readonly history: { readonly years: number; readonly mean: number; readonly std: number; readonly z: number } | null;
  readonly monitoring: { readonly alarm: { readonly onset: string; readonly magnitude: number | null } | null } | null;
  readonly neighbours: { readonly count: number; readonly median: number; readonly percentile: number; readonly z: number | null } | null;
  readonly not_computable: readonly { readonly part: Part }[];
  readonly options: { readonly [name: string]: unknown };
  readonly zone: number | null;
}

/** From here on a difference is told (`app/analysis/history.py`). */
const NOTABLE = 2;

/** Compare a parcel with its history and its neighbours; with `zone` it becomes a zone where it is unusual. */
export async function analyseParcel(id: string, product: string, zone: boolean, signal?: AbortSignal): Promise<ParcelAnalysis> {
  const response = await request(`analyze/parcel/${id}`, { method: "POST", body: { product, zone }, isWriting: zone, signal });
  return (await response.json()) as components["schemas"]["ParcelAnalysis"];
}

/** The verdict in a word. */
export function headline({ verdict: { level, direction } }: ParcelAnalysis): string {
  if (level === "usual" || level === "unknown" || !direction) return tell(level === "usual" ? "verdict.usual" : "verdict.unknown");
  return tell(`verdict.${level}.${direction}`);
}

/** The verdict in sentences. */
export function sentences(found: ParcelAnalysis): string[] {
  const { verdict, history, neighbours } = found;
  const { level, direction, basis } = verdict;
  if (level === "unknown" || !basis) return [tell(found.value === null ? "verdict.unseen" : "verdict.untold")];
  const z = (basis === "history" ? history?.z : neighbours?.z) ?? 0;
  const distance = tell(`verdict.${z < 0 ? "below" : "above"}.${basis}`, { z: toldNumber(Math.abs(z), 1) });
  if (level === "usual" || !direction) return [distance];
  const told = [level === "drifting" ? tell(`verdict.drift.${direction}`) : distance];
  const among = neighbours?.z ?? null;
  if (basis === "history" && among !== null) {
    const isAlike = among < 0 === (direction === "low") && Math.abs(among) >= NOTABLE;
    told.push(tell(isAlike ? "verdict.alike" : "verdict.alone"));
  }
  return [...told, tell(verdict.is_confirmed ? "verdict.confirmed" : "verdict.single"), tell("verdict.caveat")];
}

/** The numbers, each under its name. */
export function facts(found: ParcelAnalysis): [title: string, text: string][] {
  const { value, history, neighbours, monitoring } = found;
  const told: [string, string][] = [[tell("fact.period"), toldPeriod(found.period)]];
  if (value !== null) told.push([tell("fact.value"), toldNumber(value)]);
  told.push([tell("fact.seen"), toldShare(found.valid_fraction)]);
  if (history) {
    const { mean, std, years } = history;
    told.push([tell("fact.history"), tell("fact.history.told", { mean: toldNumber(mean), std: toldNumber(std), years })]);
  }
  if (neighbours) {
    const { median, count, percentile } = neighbours;
    told.push([tell("fact.neighbours"), tell("fact.neighbours.told", { median: toldNumber(median), count, percentile: toldNumber(percentile, 0) })]);
  }
  const alarm = monitoring?.alarm;
  if (alarm) {
    const onset = toldPeriod(alarm.onset);
    const magnitude = alarm.magnitude === null ? null : toldNumber(alarm.magnitude);
    told.push([tell("fact.since"), magnitude === null ? onset : tell("fact.since.told", { onset, magnitude })]);
  }
  for (const { part } of found.not_computable) told.push([tell("fact.lacking"), whyLacking(part, found)]);
  return told;
}

function whyLacking(part: Part, { value, valid_fraction, options }: ParcelAnalysis): string {
  if (part !== "value" && value === null) return tell("lacking.unvalued", { part: tell(`part.${part}` satisfies Message) });
  return tell(`lacking.${part}`, {
    share: toldShare(valid_fraction),
    seen: toldShare(Number(options["seen"])),
    years: String(options["minimum_years"]),
    distance: `${toldNumber(Number(options["within_m"]) / 1000, 1)} km`,
  });
}
