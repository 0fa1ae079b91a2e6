/** Periods by name: "2024-06-15T17" is the hour that reads 15 Jun 2024, 17:00 UTC; "2024-05/2024-06" is an interval. */

import type { Window } from "./api";

const MONTH_PARTS = { month: "long", year: "numeric", timeZone: "UTC" } as const;
const DAY_PARTS = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" } as const;
const LOCALE = "en-GB";
const MONTH = new Intl.DateTimeFormat(LOCALE, MONTH_PARTS);
const DAY = new Intl.DateTimeFormat(LOCALE, DAY_PARTS);

const NAME = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d))?)?)?$/;
const PERIOD_OR_INTERVAL = /^[\dT-]{4,13}(\/[\dT-]{4,13})?$/;

export function periodLabel(period: string, locale = LOCALE): string {
  if (period.includes("/")) return period.split("/").map((each) => periodLabel(each, locale)).join(" – ");
  const parts = NAME.exec(period);
  if (!parts) return period;
  const [, year = "", month, day, hour] = parts;
  if (!month) return year;
  const start = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day ?? 1)));
  const [ofMonth, ofDay] = locale === LOCALE ? [MONTH, DAY] : [new Intl.DateTimeFormat(locale, MONTH_PARTS), new Intl.DateTimeFormat(locale, DAY_PARTS)];
  if (!day) return ofMonth.format(start);
  return hour ? `${ofDay.format(start)}, ${hour}:00 UTC` : ofDay.format(start);
}

/** A window as used: its period, its days where it takes a part of one, or each of several years. */
export function windowLabel({ period, start, end }: Window): string {
  const years = period.split(" ");
  if (years.length > 1) return years.toReversed().map((year) => periodLabel(year)).join(", ");
  const [begin, close] = [Date.parse(start), Date.parse(end)];
  const [first, last] = periodSpan(period);
  if (begin === first && close === last) return periodLabel(period);
  return `${DAY.format(begin)} – ${DAY.format(close - 1)}`;
}

/** The windows of an answer, the earliest first. */
export function byTime<W extends Window>(windows: Readonly<Record<string, W>> | null | undefined): W[] {
  return Object.values(windows ?? {}).sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
}

/** Begin and end of a period or interval, in milliseconds; the end is no longer part of it. */
export function periodSpan(period: string): readonly [begin: number, end: number] {
  const [first = "", last] = period.split("/");
  if (last !== undefined) return [periodSpan(first)[0], periodSpan(last)[1]];
  const [, year = "", month, day, hour] = NAME.exec(period) ?? [];
  const numbers = [Number(year), Number(month ?? 1) - 1, Number(day ?? 1), Number(hour ?? 0)] as const;
  const finest = hour ? 3 : day ? 2 : month ? 1 : 0;
  const next = numbers.map((number, index) => (index === finest ? number + 1 : number)) as unknown as typeof numbers;
  return [Date.UTC(...numbers), Date.UTC(...next)];
}

/** Whether a text of a link could be a period or an interval; the server knows more. */
export function isPeriod(text: string): boolean {
  return PERIOD_OR_INTERVAL.test(text);
}

/** The same time one year before, or else the period before, or the one after. */
export function usualEarlier(others: readonly string[], period: string): string {
  const yearBefore = period.replace(/^\d{4}/, (year) => String(Number(year) - 1));
  if (others.includes(yearBefore)) return yearBefore;
  return others.findLast((each) => periodSpan(each)[0] < periodSpan(period)[0]) ?? others[0]!;
}
