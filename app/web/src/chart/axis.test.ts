import { expect, test } from "vitest";
import { roundTicks, timeTicks } from "./axis";

test.each([
  [0, 1, [0, 0.25, 0.5, 0.75, 1]],
  [-0.2, 0.9, [-0.5, 0, 0.5, 1]],
  [0, 7e15, [0, 2e15, 4e15, 6e15, 8e15]],
  [0, 1500, [0, 500, 1000, 1500]],
  [3, 3, [3, 4]],
  [0, 0, [0, 0.25]],
])("round values enclose %d to %d", (low, high, ticks) => {
  expect(roundTicks(low, high, 4)).toEqual(ticks);
});

/** Ticks over these periods, each so many pixels after the last. */
function labels(periods: readonly string[], width: number): string[] {
  return timeTicks(periods, (period) => width * periods.indexOf(period), 64).map(({ label }) => label);
}

test("months are marked at every second one where each would be too close, years where they begin", () => {
  const months = ["2023-11", "2023-12", "2024-01", "2024-02", "2024-03", "2024-04"];
  expect(labels(months, 40)).toEqual(["Nov 2023", "Jan 2024", "Mar"]);
  expect(labels(months, 64)).toEqual(["Nov 2023", "Dec", "Jan 2024", "Feb", "Mar", "Apr"]);
});

test("hours name the day at the first and at midnight", () => {
  const hours = ["2024-06-15T22", "2024-06-15T23", "2024-06-16T00", "2024-06-16T01", "2024-06-16T02", "2024-06-16T03"];
  expect(labels(hours, 30)).toEqual(["16 Jun", "03:00"]);
  expect(labels(hours, 70)).toEqual(["15 Jun", "23:00", "16 Jun", "01:00", "02:00", "03:00"]);
});

test("years are years, and without periods there is no tick", () => {
  expect(labels(["2019", "2020", "2021"], 64)).toEqual(["2019", "2020", "2021"]);
  expect(labels(["2019", "2020", "2021"], 40)).toEqual(["2020"]);
  expect(labels([], 40)).toEqual([]);
});
