import { expect, test } from "vitest";
import { entry, series } from "./series.fixture";
import { axesOf, columnsOf, timeScale } from "./scales";

/** The 366 days of 2024, a pixel each. */
const FRAME = { width: 366, left: 0, right: 366, top: 0, bottom: 100 };
const YEAR = timeScale("2024-01", "2024-12", FRAME);

test("a period is as wide as it is long", () => {
  expect([YEAR.left("2024-01"), YEAR.middle("2024-01"), YEAR.right("2024-01")]).toEqual([0, 15.5, 31]);
  expect(YEAR.left("2024-02")).toBe(31);
  expect(YEAR.right("2024-02")).toBeCloseTo(60);
  expect(YEAR.right("2024-12")).toBe(366);
});

test("a column holds what the second series has at the middle of the period", () => {
  const monthly = series({}, entry("2024-01"), entry("2024-02"));
  const other = series({}, entry("2024-02-10/2024-02-20"), entry("2024-01"));
  const [first, second] = columnsOf([monthly, other], YEAR);
  expect(first!.entries).toEqual([monthly.entries[0], other.entries[1]]);
  expect(second!.entries).toEqual([monthly.entries[1], other.entries[0]]);
  expect(second).toMatchObject({ period: "2024-02", left: 31, middle: 45.5, right: YEAR.right("2024-02") });
  expect(columnsOf([monthly, series({}, entry("2023"))], YEAR)[0]!.entries[1]).toBeNull();
  expect(columnsOf([], YEAR)).toEqual([]);
});

test("an axis of values goes down to zero where they are far from one another", () => {
  const [axis] = axesOf([series({}, entry("2024-01", { mean: 0.5, percentiles: { p2: 0.1, p98: 0.9 } }))], FRAME);
  expect(axis!.ticks).toEqual([
    { y: 100, label: "0" },
    { y: 75, label: "0.25" },
    { y: 50, label: "0.5" },
    { y: 25, label: "0.75" },
    { y: 0, label: "1" },
  ]);
  expect(axis!.y(0.5)).toBe(50);
  expect(axis!.title).toBe("");
});

test("an axis of classes is in km² from 1,000 ha on", () => {
  const parts = (dense: number, sparse: number) => [{ name: "dense", area_ha: dense }, { name: "sparse", area_ha: sparse }];
  const [large] = axesOf([series({ kind: "classes" }, entry("2024-01", { classes: parts(1000, 500) }))], FRAME);
  expect(large!.title).toBe("km²");
  expect(large!.ticks.map(({ label }) => label)).toEqual(["0", "5", "10", "15"]);
  const [small] = axesOf([series({ kind: "classes" }, entry("2024-01", { classes: parts(1, 0) }))], FRAME);
  expect(small!.title).toBe("ha");
  expect(small!.ticks.map(({ label }) => label)).toEqual(["0", "0.25", "0.5", "0.75", "1"]);
});

test("two series of one unit share an axis; of two units each has its own, with its name", () => {
  const index = series({}, entry("2024-01", { mean: 0.5 }));
  const lights = series({ title: "Night lights", unit: "nW/cm^2/sr" }, entry("2024-01", { mean: 30 }));
  expect(axesOf([index, index], FRAME).map(({ series: members }) => members)).toEqual([[0, 1]]);
  expect(axesOf([index, lights], FRAME).map(({ title }) => title)).toEqual(["Vegetation", "Night lights, nW cm⁻² sr⁻¹"]);
  expect(axesOf([], FRAME)).toEqual([]);
});
