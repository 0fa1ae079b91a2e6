/** Which part of a layer's time a chart shows, and in which steps. */

import type { Cadence } from "../api";
import type { Layer, Span } from "./series";

/** A first look takes at most this many periods; more are counted when they are asked for. */
const USUAL = 120;
const LENGTHS = [12, 36, 120, 366, 1200];
const CADENCES: readonly Cadence[] = ["hour", "day", "month", "year"];

export interface SpanChoice {
  readonly label: string;
  readonly count: number;
}

/** The latest so many periods, or all of them. */
export function spanChoices({ periods }: Layer): SpanChoice[] {
  const shorter = LENGTHS.filter((length) => length <= periods.length / 1.5);
  return [...shorter.map((count) => ({ label: `Last ${count}`, count })), { label: `All ${periods.length} periods`, count: periods.length }];
}

export function usualCount(choices: readonly SpanChoice[]): number {
  return (choices.findLast(({ count }) => count <= USUAL) ?? choices[0])?.count ?? 0;
}

/** Longer steps than the layer's own. */
export function longerSteps({ cadence, periods }: Layer): Cadence[] {
  if (!cadence || periods.length < 3) return [];
  const longer = CADENCES.slice(CADENCES.indexOf(cadence) + 1);
  const isOneIn = (step: Cadence): boolean => new Set(periods.map((period) => period.slice(0, nameLength(step)))).size < 2;
  return longer.filter((step) => !isOneIn(step));
}

/** The span of the latest `count` periods; null where there are none. */
export function spanOf({ periods }: Layer, count: number, step: Cadence | null): Span | null {
  const first = periods.at(-Math.min(count, periods.length));
  const last = periods.at(-1);
  if (first === undefined || last === undefined) return null;
  const named = (period: string): string => (step ? period.slice(0, nameLength(step)) : period);
  return { first: named(first), last: named(last), step };
}

/** The step of a second layer beside a first: its own, or the first's where that is longer. */
export function matchingStep(layer: Layer, first: Layer, step: Cadence | null): Cadence | null {
  const wanted = step ?? first.cadence;
  const isLonger = wanted && layer.cadence && CADENCES.indexOf(wanted) > CADENCES.indexOf(layer.cadence);
  return isLonger ? wanted : null;
}

/** "2024-06" is a name of 7 characters. */
function nameLength(cadence: Cadence): number {
  return { hour: 13, day: 10, month: 7, year: 4 }[cadence];
}
