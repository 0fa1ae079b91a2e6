import { expect, test } from "vitest";
import { columnsOf, csvOf } from "./numbers_table";
import { entry, series } from "./series.fixture";

test("CSV has a row of names, then one a period, with nothing where there is no number", () => {
  const full = entry("2024-01", { mean: 0.5, median: 0.25, percentiles: { p2: 0.125 }, scenes: ["a", "b"] });
  const empty = entry("2024-02", { status: "empty", reason: "cloud, or shadow", valid_fraction: 0, valid_area_km2: 0 });
  expect(csvOf([series({}, full, empty)])).toBe(
    "area,product,unit,period,start,end,status,reason,valid_fraction,area_km2,valid_area_km2," +
      "mean,median,std,min,max,sum,count,p2,cell_size_m,synthetic,scenes\r\n" +
      "Field,ndvi,1,2024-01,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z,ok,,1,2,2,0.5,0.25,,,,,,0.125,10,false,a b\r\n" +
      'Field,ndvi,1,2024-02,2024-02-01T00:00:00Z,2024-03-01T00:00:00Z,empty,"cloud, or shadow",,2,,,,,,,,,,10,false,\r\n',
  );
});

test("a class is a column of hectares, a comparison has a column of its windows", () => {
  const window = { title: "Before", period: "2024-05", start: "2024-05-01T00:00:00Z", end: "2024-06-01T00:00:00Z", how: "as asked" };
  const one = entry("2024-06", { classes: [{ name: "High", area_ha: 12.5 }], windows: { pre: window } });
  const [head, row] = csvOf([series({ kind: "classes", colors: new Map([["High", "#f00"]]), isComparing: true }, one)]).split("\r\n");
  expect(head).toMatch(/,count,High \(ha\),cell_size_m,synthetic,scenes,windows$/);
  expect(row).toMatch(/,12\.5,10,false,,Before: May 2024\.$/);
});

test("a table of a comparison says in each row what was compared", () => {
  const window = { title: "Then", period: "2023-06", start: "2023-06-01T00:00:00Z", end: "2023-07-01T00:00:00Z", how: "" };
  const rows = [entry("2024-06", { mean: 1, windows: { pre: window } }), entry("2024-07", { status: "empty" })];
  const { title, text } = columnsOf(series({ isComparing: true })).at(-1)!;
  expect([title, ...rows.map(text)]).toEqual(["Compared", "Then: June 2023.", "–"]);
});

test("a name that begins like a formula is not run by a spreadsheet, and quotes are doubled", () => {
  const one = series({}, entry("2024-01"));
  const named = (name: string): string => csvOf([{ ...one, area: { ...one.area, name } }]).split("\r\n")[1]!;
  expect(named("=1+1")).toMatch(/^'=1\+1,/);
  expect(named('The "big" one')).toMatch(/^"The ""big"" one",/);
});
