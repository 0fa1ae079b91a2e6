/** Months by year: which have data, and where the arrow keys lead among them. */

const MONTH = /^\d{4}-\d\d$/;
/** Of the grid that they are shown in. */
export const COLUMNS = 4;

/** Whether periods are months, and more than one. */
export function areMonths(periods: readonly string[]): boolean {
  return periods.length > 1 && periods.every((period) => MONTH.test(period));
}

/** All years from the first month (ascending) to the last, those without data too. */
export function yearsOf(months: readonly string[]): number[] {
  const [first, last] = [months[0], months.at(-1)];
  if (first === undefined || last === undefined) return [];
  return Array.from({ length: yearOf(last) - yearOf(first) + 1 }, (_, index) => yearOf(first) + index);
}

export function yearOf(month: string): number {
  return Number(month.slice(0, 4));
}

/** The twelve months of a year. */
export function monthsOf(year: number): string[] {
  return Array.from({ length: 12 }, (_, index) => nameOf(12 * year + index));
}

/** The month with data that a key leads to from another one; null where it leads nowhere. */
export function monthAt(key: string, from: string, known: readonly string[]): string | null {
  const ofYear = known.filter((month) => yearOf(month) === yearOf(from));
  if (key === "Home") return ofYear[0] ?? null;
  if (key === "End") return ofYear.at(-1) ?? null;
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS, PageUp: -12, PageDown: 12 };
  const step = steps[key];
  if (step === undefined) return null;
  return reachedFrom(from, added(from, step), known);
}

/**
 * What is reached of those known (ascending) on the way to the one wanted: itself, or the next beyond it, or else the
 * last that way; null where that is where one is.
 */
export function reachedFrom(from: string, wanted: string, known: readonly string[]): string | null {
  const forward = (): string | undefined => known.find((each) => each >= wanted) ?? known.at(-1);
  const back = (): string | undefined => known.findLast((each) => each <= wanted) ?? known[0];
  const reached = wanted > from ? forward() : back();
  return reached === from ? null : (reached ?? null);
}

function added(month: string, count: number): string {
  return nameOf(12 * yearOf(month) + Number(month.slice(5)) - 1 + count);
}

/** By the number of months since the year 0. */
function nameOf(count: number): string {
  return `${String(Math.floor(count / 12)).padStart(4, "0")}-${String((count % 12) + 1).padStart(2, "0")}`;
}
