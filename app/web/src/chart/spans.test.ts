import { expect, test } from "vitest";
import type { Cadence } from "../api";
import { layer } from "./series.fixture";
import { longerSteps, matchingStep, spanChoices, spanOf, usualCount } from "./spans";

function months(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${first + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, "0")}`);
}

const of = (cadence: Cadence | null, periods: readonly string[]) => layer({ cadence, periods });

test("lengths are offered that are much shorter than the whole", () => {
  expect(spanChoices(of("month", months(2023, 24)))).toEqual([
    { label: "Last 12", count: 12 },
    { label: "All 24 periods", count: 24 },
  ]);
  expect(spanChoices(of("month", months(2024, 12)))).toEqual([{ label: "All 12 periods", count: 12 }]);
});

test("a first look takes at most 120 periods", () => {
  expect(usualCount(spanChoices(of("month", months(2023, 24))))).toBe(24);
  expect(usualCount(spanChoices(of("month", months(2000, 240))))).toBe(120);
  expect(usualCount([])).toBe(0);
});

test("longer steps are those of which there would be several", () => {
  expect(longerSteps(of("month", months(2023, 24)))).toEqual(["year"]);
  expect(longerSteps(of("month", months(2024, 12)))).toEqual([]);
  expect(longerSteps(of("hour", ["2024-06-15T22", "2024-06-15T23", "2024-06-16T00"]))).toEqual(["day"]);
  expect(longerSteps(of("month", ["2023-12", "2024-01"]))).toEqual([]);
  expect(longerSteps(of(null, []))).toEqual([]);
});

test("a span is the latest periods, in the names of its step", () => {
  const two = of("month", months(2023, 24));
  expect(spanOf(two, 2, null)).toEqual({ first: "2024-11", last: "2024-12", step: null });
  expect(spanOf(two, 100, "year")).toEqual({ first: "2023", last: "2024", step: "year" });
  expect(spanOf(of("month", []), 12, null)).toBeNull();
});

test("a second layer takes the step of the first where that is longer than its own", () => {
  const [hours, monthly] = [of("hour", []), of("month", [])];
  expect(matchingStep(hours, monthly, null)).toBe("month");
  expect(matchingStep(monthly, hours, null)).toBeNull();
  expect(matchingStep(monthly, hours, "year")).toBe("year");
});
