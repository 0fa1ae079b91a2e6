/** Where the ticks of an axis stand, and what they say. */

import { periodSpan } from "../periods";

/** Round values that enclose `low` to `high`, about `count` steps apart. */
export function roundTicks(low: number, high: number, count: number): number[] {
  const width = high > low ? high - low : Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(width / count));
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power * count >= width * 0.999) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

export interface TimeTick {
  readonly period: string;
  readonly label: string;
}

/** Ticks at every so many hours, days, months or years; at the first, and where `opens`, the long label is written. */
interface Unit {
  /** Length of the names of periods that are no longer than the unit: "2024-06" has 7. */
  readonly length: number;
  readonly begins: (moment: Date) => boolean;
  readonly label: Intl.DateTimeFormat;
  readonly opens: (moment: Date) => boolean;
  readonly long: Intl.DateTimeFormat;
}

const YEAR = form({ year: "numeric" });
const MONTH = form({ month: "short" });
const MONTH_YEAR = form({ month: "short", year: "numeric" });
const DAY = form({ day: "numeric", month: "short" });
const HOUR = form({ hour: "2-digit", minute: "2-digit" });

const UNITS: readonly Unit[] = [
  ...[1, 2, 3, 6, 12].map((count) => ({
    length: 13,
    begins: (moment: Date) => moment.getUTCHours() % count === 0,
    label: HOUR,
    opens: (moment: Date) => moment.getUTCHours() === 0,
    long: DAY,
  })),
  ...[1, 2, 5, 10].map((count) => ({
    length: 10,
    begins: (moment: Date) => (moment.getUTCDate() - 1) % count === 0 && (count === 1 || moment.getUTCDate() < 30),
    label: DAY,
    opens: () => false,
    long: DAY,
  })),
  ...[1, 2, 3, 6].map((count) => ({
    length: 7,
    begins: (moment: Date) => moment.getUTCDate() === 1 && moment.getUTCMonth() % count === 0,
    label: MONTH,
    opens: (moment: Date) => moment.getUTCMonth() === 0,
    long: MONTH_YEAR,
  })),
  ...[1, 2, 5, 10].map((count) => ({
    length: 4,
    begins: (moment: Date) => moment.getUTCMonth() === 0 && moment.getUTCDate() === 1 && moment.getUTCFullYear() % count === 0,
    label: YEAR,
    opens: () => false,
    long: YEAR,
  })),
];

/** Ticks at periods that begin a round unit of time, at least `spacing` pixels apart. */
export function timeTicks(periods: readonly string[], x: (period: string) => number, spacing: number): TimeTick[] {
  const length = periods[0]?.length ?? 0;
  const units = UNITS.filter((unit) => unit.length <= length);
  const chosen = units.map((unit) => ({ unit, ticks: periods.filter((period) => begins(unit, period)) }));
  const found = chosen.find(({ ticks }) => ticks.length > 0 && isSpaced(ticks.map(x), spacing));
  return (found?.ticks ?? []).map((period, index) => {
    const moment = new Date(periodSpan(period)[0]);
    const format = index === 0 || found!.unit.opens(moment) ? found!.unit.long : found!.unit.label;
    return { period, label: format.format(moment) };
  });
}

function begins(unit: Unit, period: string): boolean {
  const moment = new Date(periodSpan(period)[0]);
  return (unit.length === 13 || moment.getUTCHours() === 0) && unit.begins(moment);
}

function isSpaced(places: readonly number[], spacing: number): boolean {
  return places.every((place, index) => index === 0 || place - (places[index - 1] ?? 0) >= spacing);
}

function form(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" });
}
