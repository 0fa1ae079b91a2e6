import { expect, test } from "vitest";
import {
  commonPower,
  formatArea,
  formatDegree,
  formatPlace,
  formatPower,
  formatShare,
  formatTick,
  formatUnit,
  formatValue,
} from "./numbers";

test.each([
  [0, "0.000"],
  [0.412, "0.412"],
  [-0.5, "−0.500"],
  [23.456, "23.46"],
  [123.46, "123.5"],
  [1204.4, "1,204"],
  [1e6, "1.00 × 10⁶"],
  [1.234e16, "1.23 × 10¹⁶"],
  [-4e-4, "−4.00 × 10⁻⁴"],
])("the value %d has about four digits", (value, text) => {
  expect(formatValue(value)).toBe(text);
});

test.each([
  [0, "0"],
  [0.1, "0.1"],
  [0.6666, "0.667"],
  [-1, "−1"],
  [20, "20"],
  [1500.26, "1,500.3"],
  [2e6, "2 × 10⁶"],
  [2.5e6, "2.5 × 10⁶"],
  [1e-5, "1 × 10⁻⁵"],
])("the tick %d has no trailing zeros", (value, text) => {
  expect(formatTick(value)).toBe(text);
});

test.each([
  [[0, 0.5, 1], 0],
  [[0, 1e15, 2e15], 15],
  [[-2e6, 1e7], 6],
  [[0.001, 0.002], -3],
  [[0, 999_999], 0],
  [[0, 0], 0],
  [[], 0],
])("the ticks %j share the power %d", (values, power) => {
  expect(commonPower(values)).toBe(power);
});

test("a power of ten is written once, and not at all for everyday numbers", () => {
  expect([0, 15, -3].map(formatPower)).toEqual(["", "× 10¹⁵", "× 10⁻³"]);
});

test.each([
  [null, ""],
  ["1", ""],
  ["m", "m"],
  ["nW/cm^2/sr", "nW cm⁻² sr⁻¹"],
  ["nW cm-2 sr-1", "nW cm⁻² sr⁻¹"],
  ["molecules/cm^2", "molecules cm⁻²"],
  ["µmol/m^2", "µmol m⁻²"],
])("the unit %s reads %s", (unit, text) => {
  expect(formatUnit(unit)).toBe(text);
});

test("a place has its hemispheres", () => {
  expect(formatPlace(5.11472, 51.18341)).toBe("51.1834° N, 5.1147° E");
  expect(formatPlace(-70.5, -33)).toBe("33.0000° S, 70.5000° W");
});

test.each([
  [5.2, 0.1, "5.2° E"],
  [-5, 5, "5° W"],
  [0.35, 0.05, "0.35° E"],
  [-1e-12, 0.001, "0°"],
])("the degree %d at a step of %d", (value, step, text) => {
  expect(formatDegree(value, step, "E", "W")).toBe(text);
});

test.each([
  [0.0042, "0.42 ha"],
  [0.0847, "8.47 ha"],
  [0.312, "31.2 ha"],
  [6.4, "640 ha"],
  [9.99, "999 ha"],
  [10, "10 km²"],
  [14.12, "14.1 km²"],
  [875_097.7, "875,098 km²"],
])("%d km² is an area in hectares below 10 km²", (km2, text) => {
  expect(formatArea(km2)).toBe(text);
});

test.each([
  [0, "0%"],
  [0.00001, "0.1%"],
  [0.005, "0.5%"],
  [0.97, "97%"],
  [0.996, "99.6%"],
  [0.99999, "99.9%"],
  [1, "100%"],
])("the share %d is 0 or 100 only where it is nothing or the whole", (share, text) => {
  expect(formatShare(share)).toBe(text);
});
