import { expect, test } from "vitest";
import { csvOf, formatDistance, indexAt, runsOf, whyNone, type Profile, type Segment } from "./profile";

function piece(start_m: number, value: number | null, part = 0): Segment {
  return { part, start_m, length_m: 100, lon: 5, lat: 51, value, state: value === null ? "masked" : "ok" };
}

const SEGMENTS = [piece(0, 1), piece(100, 2), piece(200, null), piece(300, -4), piece(400, 5, 1), piece(500, 6, 1)];

test("a piece without a value, and a part of its own, break the line", () => {
  expect(runsOf(SEGMENTS).map((run) => run.map(({ value }) => value))).toEqual([[1, 2], [-4], [5, 6]]);
  expect(runsOf([piece(0, null)])).toEqual([]);
});

test.each([[0, 0], [99, 0], [100, 1], [450, 4], [9999, 5], [-5, 0]])("at %i m stands piece %i", (distance, index) => {
  expect(indexAt(SEGMENTS, distance)).toBe(index);
});

test("distances and reasons are words", () => {
  expect([formatDistance(850), formatDistance(12_440), formatDistance(250_400)]).toEqual(["850 m", "12.4 km", "250 km"]);
  expect(whyNone(SEGMENTS[2]!)).toBe("left out by the quality rules");
});

test("the table has blanks where there is no value", () => {
  const profile = { segments: SEGMENTS.slice(1, 3), period: "2024-06-15T17", unit: "1", geometry_source: "given" } as unknown as Profile;
  expect(csvOf(profile).split("\r\n").slice(1, 3)).toEqual([
    "0,100,100,5,51,2,1,ok,2024-06-15T17,given",
    "0,200,100,5,51,,1,masked,2024-06-15T17,given",
  ]);
});
