import { expect, test } from "vitest";
import { bodyOf, isAnomaly, isSearched } from "./search";

test("a search names the layer, the part of the map, the time and the ends that are wished", () => {
  const when = { period: "2024-07", windows: {} };
  expect(bodyOf("ndvi", when, [5, 51, 6, 52], { low: 0.2, high: null, cells: 4 })).toEqual({
    ...{ product: "ndvi", aoi: [5, 51, 6, 52], toi: "2024-07", low: 0.2, minimum_cells: 4, zones: true },
  });
  const both = bodyOf("ndvi-anomaly", { period: "2024-05/2024-06", windows: {} }, [5, 51, 6, 52], { low: -3, high: 3, cells: 9 });
  expect(both).toEqual({ product: "ndvi-anomaly", aoi: [5, 51, 6, 52], low: -3, high: 3, minimum_cells: 9, zones: true });
});

test("numbers can be searched, classes and pictures cannot", () => {
  expect(isSearched({ kind: "continuous", unit: "1" })).toBe(true);
  expect(isSearched({ kind: "classes", unit: "1" })).toBe(false);
  expect(isSearched({ kind: "rgb", unit: null })).toBe(false);
  expect(isAnomaly({ unit: "standard deviations" })).toBe(true);
});
