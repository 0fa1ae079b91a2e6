import { expect, test } from "vitest";
import { scaleOf, unitName, valuesOf } from "./scale";

test("a change has zero in the middle, whichever side goes further", () => {
  const { stops, ticks } = scaleOf(-3, 7, true);
  expect(ticks).toEqual([-8, 0, 8]);
  expect(stops.map(([value]) => value)).toEqual([-8, -4, 0, 4, 8]);
  expect(stops[2]![1]).toBe("#f7f7f7");
  expect(scaleOf(-7, 3, true)).toEqual(scaleOf(-3, 7, true));
});

test("where nothing changed there still is a scale", () => {
  expect(scaleOf(0, 0, true).ticks).toEqual([-1, 0, 1]);
  expect(scaleOf(5, 5, false).ticks[0]).toBe(0);
  expect(scaleOf(0, 0, false).ticks).toEqual([0, 0.5, 1]);
});

test("values rise from nothing, or from the least where that is below", () => {
  expect(scaleOf(12, 38, false).ticks).toEqual([0, 20, 40]);
  expect(scaleOf(-0.5, 1, false).ticks.at(0)).toBe(-0.5);
});

test("only lights offer what is lit", () => {
  expect(valuesOf({ lit_above: [], lit_changes_above: [], unit: "1" }).map(([value]) => value)).toEqual(["mean", "median"]);
  expect(valuesOf({ lit_above: [0.5, 1], lit_changes_above: [], unit: "nW cm-2 sr-1" }).map(([, title]) => title)).toEqual([
    "Mean",
    "Median",
    "Lit area above 0.5 nW cm⁻² sr⁻¹",
    "Lit share above 0.5 nW cm⁻² sr⁻¹",
    "Sum of lights",
  ]);
});

test("a change of lights offers what is newly lit and what has dimmed", () => {
  const values = valuesOf({ lit_above: [], lit_changes_above: [0.5, 1], unit: "nW cm-2 sr-1" });
  expect(values.map(([value]) => value)).toEqual(["mean", "median", "newly_lit_km2", "newly_lit_share", "dimmed_km2", "dimmed_share"]);
  expect(values[2]![1]).toBe("Newly lit area at 0.5 nW cm⁻² sr⁻¹");
});

test.each([
  ["km2", "km²"],
  ["nW cm-2 sr-1 km2", "nW cm⁻² sr⁻¹ km²"],
  ["nW cm-2 sr-1", "nW cm⁻² sr⁻¹"],
  ["1", ""],
  [null, ""],
])("the unit %s reads %s", (unit, read) => {
  expect(unitName({ unit })).toBe(read);
});
