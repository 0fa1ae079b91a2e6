/** Hours by day: in UTC or in solar time, which have data, and where the arrow keys lead among days and hours. */

import type { Bbox } from "./api";
import { reachedFrom } from "./months";

const HOUR_NAME = /^\d{4}-\d\d-\d\dT\d\d$/;
const HOUR_MS = 3_600_000;
export const HOURS_PER_ROW = 8;
export const DAYS_PER_ROW = 7;

/** Whether periods are hours, and more than one. */
export function areHours(periods: readonly string[]): boolean {
  return periods.length > 1 && periods.every((period) => HOUR_NAME.test(period));
}

/** Whole hours that the sun over the middle of a box is ahead of UTC. */
export function solarOffset([west, , east]: Bbox): number {
  const middle = (west + (east < west ? east + 360 : east)) / 2;
  return Math.round((((middle + 540) % 360) - 180) / 15);
}

/** An hour as clocks with an offset from UTC have it: its day and hour, named as a period. */
export function toLocal(period: string, offset: number): string {
  return nameOf(Date.parse(`${period}:00Z`) + offset * HOUR_MS);
}

/** The 24 hours of a day of such clocks, as periods (UTC). */
export function hoursOf(day: string, offset: number): string[] {
  const first = Date.parse(`${day}T00:00Z`) - offset * HOUR_MS;
  return Array.from({ length: 24 }, (_, hour) => nameOf(first + hour * HOUR_MS));
}

/** Days of such clocks, ascending, and how many hours of each are known. */
export function daysOf(periods: readonly string[], offset: number): Map<string, number> {
  const days = new Map<string, number>();
  for (const period of periods) {
    const day = toLocal(period, offset).slice(0, 10);
    days.set(day, (days.get(day) ?? 0) + 1);
  }
  return days;
}

/** The days of a month, and how many places stand empty before the first in weeks that begin on Monday. */
export function monthDays(month: string): { readonly days: readonly string[]; readonly before: number } {
  const [year = 0, number = 1] = month.split("-").map(Number);
  const count = new Date(Date.UTC(year, number, 0)).getUTCDate();
  const days = Array.from({ length: count }, (_, index) => `${month}-${String(index + 1).padStart(2, "0")}`);
  return { days, before: (new Date(Date.UTC(year, number - 1, 1)).getUTCDay() + 6) % 7 };
}

/** The day with data that a key leads to from another one; null where it leads nowhere. */
export function dayAt(key: string, from: string, known: readonly string[]): string | null {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -DAYS_PER_ROW, ArrowDown: DAYS_PER_ROW };
  const ofMonth = known.filter((day) => day.slice(0, 7) === from.slice(0, 7));
  if (key === "Home") return ofMonth[0] ?? null;
  if (key === "End") return ofMonth.at(-1) ?? null;
  if (key === "PageUp" || key === "PageDown") return reachedFrom(from, monthLater(from, key === "PageUp" ? -1 : 1), known);
  const step = steps[key];
  return step === undefined ? null : reachedFrom(from, nameOf(Date.parse(from) + step * 24 * HOUR_MS).slice(0, 10), known);
}

/** The hour with data that a key leads to among those of a day; null where it leads nowhere. */
export function hourAt(key: string, from: string, known: readonly string[]): string | null {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -HOURS_PER_ROW, ArrowDown: HOURS_PER_ROW };
  if (key === "Home") return known[0] ?? null;
  if (key === "End") return known.at(-1) ?? null;
  const step = steps[key];
  return step === undefined ? null : reachedFrom(from, nameOf(Date.parse(`${from}:00Z`) + step * HOUR_MS), known);
}

/** The same day of another month, or the last of that where it is shorter. */
function monthLater(day: string, count: number): string {
  const [year = 0, number = 1] = day.split("-").map(Number);
  const month = new Date(Date.UTC(year, number - 1 + count, 1)).toISOString().slice(0, 7);
  const { days } = monthDays(month);
  return days[Number(day.slice(8)) - 1] ?? days.at(-1)!;
}

function nameOf(moment: number): string {
  return new Date(moment).toISOString().slice(0, 13);
}

/** "UTC−7" of an offset in hours. */
export function zoneName(offset: number): string {
  return offset === 0 ? "UTC" : `UTC${offset < 0 ? "−" : "+"}${Math.abs(offset)}`;
}
