/** Periods by name: "2024-06-15T17" is the hour that reads 15 Jun 2024, 17:00 UTC. */

const MONTH = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

const NAME = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d))?)?)?$/;

export function periodLabel(period: string): string {
  const parts = NAME.exec(period);
  if (!parts) return period;
  const [, year = "", month, day, hour] = parts;
  if (!month) return year;
  const start = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day ?? 1)));
  if (!day) return MONTH.format(start);
  return hour ? `${DAY.format(start)}, ${hour}:00 UTC` : DAY.format(start);
}

/** Begin and end of a period, in milliseconds; the end is no longer part of it. */
export function periodSpan(period: string): readonly [begin: number, end: number] {
  const [, year = "", month, day, hour] = NAME.exec(period) ?? [];
  const numbers = [Number(year), Number(month ?? 1) - 1, Number(day ?? 1), Number(hour ?? 0)] as const;
  const finest = hour ? 3 : day ? 2 : month ? 1 : 0;
  const next = numbers.map((number, index) => (index === finest ? number + 1 : number)) as unknown as typeof numbers;
  return [Date.UTC(...numbers), Date.UTC(...next)];
}
