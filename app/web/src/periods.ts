/** The label of a period: "2024-06-15T17" reads 15 Jun 2024, 17:00 UTC. */

const MONTH = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export function periodLabel(period: string): string {
  const parts = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d))?)?)?$/.exec(period);
  if (!parts) return period;
  const [, year = "", month, day, hour] = parts;
  if (!month) return year;
  const start = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day ?? 1)));
  if (!day) return MONTH.format(start);
  return hour ? `${DAY.format(start)}, ${hour}:00 UTC` : DAY.format(start);
}
