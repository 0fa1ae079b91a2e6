import { expect, test } from "vitest";
import { litAxis, litName, litOf, thresholdsOf } from "./lit";
import { csvOf, columnsOf } from "./numbers_table";
import { entry, series } from "./series.fixture";

const LIT = [
  { above: 0.5, area_km2: 30, share: 0.6 },
  { above: 1, area_km2: 12.5, share: 0.25 },
];
const LIGHTS = series(
  { id: "nightlights", unit: "nW cm-2 sr-1" },
  entry("2024-01", { mean: 4, lit: LIT }),
  entry("2024-02", { status: "empty", lit: [{ above: 0.5, area_km2: 0, share: 0 }] }),
);
const FRAME = { width: 300, left: 40, right: 260, top: 20, bottom: 120 };

test("thresholds are those of the entries, the lowest first", () => {
  expect(thresholdsOf(LIGHTS).map(({ above }) => above)).toEqual([0.5, 1]);
  expect(thresholdsOf(series({}, entry("2024-01")))).toEqual([]);
  expect(litName(LIT[1]!, "nW cm-2 sr-1")).toBe("Lit above 1 nW cm⁻² sr⁻¹");
  expect(litName({ ...LIT[0]!, meaning: "above 0" }, null)).toBe("Lit above 0.5 (above 0)");
});

test("what was not seen is not dark", () => {
  expect(litOf(LIGHTS.entries[0]!, 1)?.area_km2).toBe(12.5);
  expect(litOf(LIGHTS.entries[1]!, 0.5)).toBeNull();
});

test("the axis begins at nothing lit, and a layer without a lit area has none", () => {
  const axis = litAxis(LIGHTS, FRAME)!;
  expect([axis.y(0), axis.y(30)]).toEqual([120, 20]);
  expect(axis.ticks.map(({ label }) => label)).toEqual(["0", "10", "20", "30"]);
  expect(litAxis(series({}, entry("2024-01", { mean: 1 })), FRAME)).toBeNull();
});

test("table and CSV have the lit area by threshold, with blanks where nothing was seen", () => {
  const columns = columnsOf(LIGHTS).filter(({ title }) => title.startsWith("Lit"));
  expect(columns.map(({ title, text }) => [title, ...LIGHTS.entries.map(text)])).toEqual([
    ["Lit above 0.5, km²", "30.00", "–"],
    ["Lit above 1, km²", "12.50", "–"],
  ]);
  const [head, seen, unseen] = csvOf([LIGHTS]).split("\r\n");
  expect(head).toMatch(/,count,lit_above,lit_area_km2,lit_share,lit_area_km2 \(above 1\),lit_share \(above 1\),cell_size_m,/);
  expect(seen).toMatch(/,0\.5,30,0\.6,12\.5,0\.25,10,false,$/);
  expect(unseen).toMatch(/,0\.5,,,,,10,false,$/);
});
