import { expect, test } from "vitest";
import type { Region } from "../api";
import { AGES, ageColor, boxOf, NO_AGE, shapeOf, whenOf } from "./region";

function region(fields: Partial<Region>): Region {
  return { pre_start: null, pre_end: null, post_start: null, post_end: null, age_days: null, ...fields } as Region;
}

test.each([
  [0, "up to 7 days"],
  [7, "up to 7 days"],
  [7.1, "8 to 14 days"],
  [14, "8 to 14 days"],
  [30, "15 to 30 days"],
  [31, "more than 30 days"],
])("at %d days the shade is that of %s", (age_days, label) => {
  expect(ageColor(region({ age_days }))).toBe(AGES.find((age) => age.label === label)!.color);
});

test("a region without a refresh has a shade of its own", () => {
  expect(ageColor(region({ age_days: null }))).toBe(NO_AGE.color);
});

test("the windows shown are intervals of days, none before the first refresh", () => {
  const days = { pre_start: "2024-06-01", pre_end: "2024-06-30", post_start: "2024-07-01", post_end: "2024-07-30" };
  expect(whenOf(region(days))).toEqual({ period: "2024-07-01/2024-07-30", windows: { pre: "2024-06-01/2024-06-30" } });
  expect(whenOf(region({}))).toBeNull();
});

test("a box across 180° goes on past it as a view, and is two polygons as a shape", () => {
  const fiji = region({ bbox: [177, -19, -178, -16] });
  expect(boxOf(fiji)).toEqual([177, -19, 182, -16]);
  expect(shapeOf(fiji)).toEqual({
    type: "MultiPolygon",
    coordinates: [
      [[[177, -19], [180, -19], [180, -16], [177, -16], [177, -19]]],
      [[[-180, -19], [-178, -19], [-178, -16], [-180, -16], [-180, -19]]],
    ],
  });
  const valley = region({ bbox: [5, 51, 6, 52] });
  expect(boxOf(valley)).toEqual([5, 51, 6, 52]);
  expect(shapeOf(valley)).toEqual({ type: "Polygon", coordinates: [[[5, 51], [6, 51], [6, 52], [5, 52], [5, 51]]] });
});
