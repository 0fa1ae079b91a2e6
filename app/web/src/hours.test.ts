import { expect, test } from "vitest";
import { areHours, dayAt, daysOf, hourAt, hoursOf, monthDays, solarOffset, toLocal, zoneName } from "./hours";

/** A day of June over Nebraska, which goes over midnight in UTC. */
const JUNE = ["2024-06-15T12", "2024-06-15T23", "2024-06-16T00", "2024-06-17T12"];

test("hours are told from other periods", () => {
  expect(areHours(JUNE)).toBe(true);
  expect(areHours(["2024-06-15", "2024-06-16"])).toBe(false);
  expect(areHours([])).toBe(false);
});

test.each([
  [[-100.2, 39.5, -97.8, 41.5], -7],
  [[-74.5, 40, -73.5, 41], -5],
  [[0, 50, 2, 52], 0],
  [[170, -40, -176, -30], 12], // across the antimeridian
] as const)("the sun over %j is %i hours ahead of UTC", (bbox, hours) => {
  expect(solarOffset(bbox)).toBe(hours);
});

test("a day of solar time holds the daylight that two days of UTC share", () => {
  expect(toLocal("2024-06-16T00", -7)).toBe("2024-06-15T17");
  expect([...daysOf(JUNE, -7)]).toEqual([["2024-06-15", 3], ["2024-06-17", 1]]);
  expect([...daysOf(JUNE, 0)]).toEqual([["2024-06-15", 2], ["2024-06-16", 1], ["2024-06-17", 1]]);
  const hours = hoursOf("2024-06-15", -7);
  expect([hours.length, hours[0], hours[23]]).toEqual([24, "2024-06-15T07", "2024-06-16T06"]);
});

test("weeks begin on Monday", () => {
  expect(monthDays("2024-06").before).toBe(5); // 1 June 2024 was a Saturday
  expect(monthDays("2024-02").days).toHaveLength(29);
  expect(monthDays("2024-07").before).toBe(0);
});

test.each([
  ["ArrowRight", "2024-06-15", "2024-06-17"],
  ["ArrowLeft", "2024-06-17", "2024-06-15"],
  ["ArrowDown", "2024-06-15", "2024-07-31"],
  ["PageDown", "2024-06-17", "2024-07-31"],
  ["PageUp", "2024-07-31", "2024-06-17"], // 30 June, and back from there
  ["Home", "2024-06-17", "2024-06-15"],
  ["End", "2024-06-15", "2024-06-17"],
  ["ArrowLeft", "2024-06-15", null],
  ["a", "2024-06-15", null],
])("%s leads from day %s to %s", (key, from, to) => {
  expect(dayAt(key, from, ["2024-06-15", "2024-06-17", "2024-07-31"])).toBe(to);
});

test.each([
  ["ArrowRight", "2024-06-15T12", "2024-06-15T23"],
  ["ArrowDown", "2024-06-15T12", "2024-06-15T23"],
  ["ArrowUp", "2024-06-16T00", "2024-06-15T12"], // 18 has none
  ["Home", "2024-06-16T00", "2024-06-15T12"],
  ["End", "2024-06-15T12", "2024-06-16T00"],
])("%s leads from hour %s to %s", (key, from, to) => {
  expect(hourAt(key, from, JUNE.slice(0, 3))).toBe(to);
});

test("offsets are named", () => {
  expect([zoneName(-7), zoneName(0), zoneName(9)]).toEqual(["UTC−7", "UTC", "UTC+9"]);
});
