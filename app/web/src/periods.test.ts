import { expect, test } from "vitest";
import { byTime, isPeriod, periodLabel, periodSpan, usualEarlier, windowLabel } from "./periods";

test.each([
  ["2024", "2024"],
  ["2024-06", "June 2024"],
  ["2024-06-15", "15 Jun 2024"],
  ["2024-06-15T17", "15 Jun 2024, 17:00 UTC"],
  ["2024-05/2024-06", "May 2024 – June 2024"],
  ["summer", "summer"],
])("the period %s reads %s", (period, label) => {
  expect(periodLabel(period)).toBe(label);
});

test.each([
  ["2024", "2024-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z"],
  ["2024-02", "2024-02-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z"],
  ["2023-12-31", "2023-12-31T00:00:00.000Z", "2024-01-01T00:00:00.000Z"],
  ["2024-02-28T23", "2024-02-28T23:00:00.000Z", "2024-02-29T00:00:00.000Z"],
  ["2024-05/2024-06", "2024-05-01T00:00:00.000Z", "2024-07-01T00:00:00.000Z"],
])("the period %s is half-open", (period, begin, end) => {
  expect(periodSpan(period).map((moment) => new Date(moment).toISOString())).toEqual([begin, end]);
});

const WINDOW = { title: "Before", how: "as asked" };

test("a whole period is written by its name, a part of one by its days", () => {
  const whole = { ...WINDOW, period: "2024-06", start: "2024-06-01T00:00:00Z", end: "2024-07-01T00:00:00Z" };
  const part = { ...WINDOW, period: "2024-06", start: "2024-06-03T00:00:00Z", end: "2024-06-11T00:00:00Z" };
  expect(windowLabel(whole)).toBe("June 2024");
  expect(windowLabel(part)).toBe("3 Jun 2024 – 10 Jun 2024");
});

test("a window of several years names each, the earliest first", () => {
  const years = { ...WINDOW, period: "2023-07 2022-07 2021-07", start: "2021-07-01T00:00:00Z", end: "2023-08-01T00:00:00Z" };
  expect(windowLabel(years)).toBe("July 2021, July 2022, July 2023");
});

test("windows are in the order of time, whatever their roles", () => {
  const post = { ...WINDOW, period: "2024-07", start: "2024-07-01T00:00:00Z", end: "2024-08-01T00:00:00Z" };
  const pre = { ...WINDOW, period: "2024-06", start: "2024-06-01T00:00:00Z", end: "2024-07-01T00:00:00Z" };
  expect(byTime({ post, pre })).toEqual([pre, post]);
  expect(byTime(null)).toEqual([]);
});

test.each([
  ["2024", true],
  ["2024-06-01/2024-06-30", true],
  ["2024-06-15T17", true],
  ["", false],
  ["June 2024", false],
  ["2024-06&x=1", false],
])("whether %j could be a period: %s", (text, answer) => {
  expect(isPeriod(text)).toBe(answer);
});

test("a period is compared with the same time one year before, else the one before, else the one after", () => {
  expect(usualEarlier(["2023-06", "2024-05"], "2024-06")).toBe("2023-06");
  expect(usualEarlier(["2024-04", "2024-05", "2024-07"], "2024-06")).toBe("2024-05");
  expect(usualEarlier(["2024-07", "2024-08"], "2024-06")).toBe("2024-07");
});
