import { expect, test } from "vitest";
import { areMonths, monthAt, monthsOf, yearsOf } from "./months";

const KNOWN = ["2022-11", "2022-12", "2024-01", "2024-03", "2024-06"];

test("months are offered by months alone", () => {
  expect(areMonths(KNOWN)).toBe(true);
  expect(areMonths(["2024-01"])).toBe(false);
  expect(areMonths(["2024-01", "2024-01-02"])).toBe(false);
  expect(areMonths(["2023", "2024"])).toBe(false);
});

test("a year without data stands among the others", () => {
  expect(yearsOf(KNOWN)).toEqual([2022, 2023, 2024]);
  expect(yearsOf([])).toEqual([]);
  expect(monthsOf(2024).at(0)).toBe("2024-01");
  expect(monthsOf(2024).at(-1)).toBe("2024-12");
});

test.each([
  ["ArrowRight", "2024-01", "2024-03"],
  ["ArrowLeft", "2024-01", "2022-12"],
  ["ArrowLeft", "2022-11", null],
  ["ArrowRight", "2024-06", null],
  ["ArrowDown", "2024-01", "2024-06"],
  ["ArrowUp", "2024-06", "2024-01"],
  ["PageUp", "2024-01", "2022-12"],
  ["PageDown", "2022-12", "2024-01"],
  ["PageUp", "2022-12", "2022-11"],
  ["Home", "2024-06", "2024-01"],
  ["End", "2022-11", "2022-12"],
  ["x", "2022-11", null],
])("%s leads from %s to %s, past what has no data", (key, from, to) => {
  expect(monthAt(key, from, KNOWN)).toBe(to);
});
