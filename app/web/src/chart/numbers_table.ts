/** The numbers of a chart: as a table to read, and as a CSV file to take along. */

import type { Entry } from "../api";
import { build } from "../dom";
import { formatShare, formatTick, formatUnit, formatValue } from "../numbers";
import { periodLabel, periodSpan } from "../periods";
import { windowsOf } from "./change";
import { litOf, thresholdsOf } from "./lit";
import { bandOf, type Series } from "./series";

/** One row a period; with two series, their columns side by side. */
export function drawTable(all: readonly Series[], names: readonly string[]): HTMLTableElement {
  const columns = all.map(columnsOf);
  const groups = build("tr", "", headCell("Period", "row"));
  const heads = build("tr", "");
  if (all.length > 1) for (const [index, name] of names.entries()) groups.append(spanning(name, columns[index]!.length));
  else groups.append(...columns[0]!.map(({ title }) => headCell(title)));
  if (all.length > 1) heads.append(...columns.flat().map(({ title }) => headCell(title)));
  const head = build("thead", "", groups, ...(all.length > 1 ? [heads] : []));
  if (all.length > 1) groups.firstElementChild!.setAttribute("rowspan", "2");
  const periods = [...new Set(all.flatMap(({ entries }) => entries.map(({ period }) => period)))];
  periods.sort((a, b) => periodSpan(a)[0] - periodSpan(b)[0]);
  const lookup = all.map(({ entries }) => new Map(entries.map((entry) => [entry.period, entry])));
  const rows = periods.map((period) => {
    const cells = columns.flatMap((list, index) => {
      const entry = lookup[index]!.get(period);
      return list.map(({ text }) => build("td", "", entry ? text(entry) : "–"));
    });
    return build("tr", "", headCell(periodLabel(period), "row"), ...cells);
  });
  return build("table", "numbers", head, build("tbody", "", ...rows));
}

export interface TableColumn {
  readonly title: string;
  readonly text: (entry: Entry) => string;
}

/** What a table tells of each entry. */
export function columnsOf(series: Series): TableColumn[] {
  const { layer } = series;
  const shown = (value: number | null | undefined): string => (value === null || value === undefined ? "–" : formatValue(value));
  const share: TableColumn = { title: "Valid", text: (entry) => formatShare(entry.valid_fraction) };
  const last = layer.isComparing ? [share, { title: "Compared", text: (entry: Entry) => windowsOf(entry) || "–" }] : [share];
  if (layer.kind === "classes") {
    const classes = [...layer.colors.keys()].map((name) => ({
      title: `${name}, ha`,
      text: (entry: Entry) => shown(entry.classes.find((each) => each.name === name)?.area_ha),
    }));
    return [...classes, ...last];
  }
  const unit = formatUnit(layer.unit);
  return [
    { title: unit ? `Mean, ${unit}` : "Mean", text: (entry) => shown(entry.mean) },
    { title: "Median", text: (entry) => shown(entry.median) },
    { title: "2nd percentile", text: (entry) => shown(bandOf(entry)?.[0]) },
    { title: "98th percentile", text: (entry) => shown(bandOf(entry)?.[1]) },
    ...thresholdsOf(series).map(({ above }) => ({ title: `Lit above ${formatTick(above)}, km²`, text: (entry: Entry) => shown(litOf(entry, above)?.area_km2) })),
    ...last,
  ];
}

function headCell(text: string, scope = "col"): HTMLTableCellElement {
  const cell = build("th", "", text);
  cell.scope = scope;
  return cell;
}

function spanning(text: string, columns: number): HTMLTableCellElement {
  const cell = headCell(text, "colgroup");
  cell.colSpan = columns;
  return cell;
}

const NUMBERS = ["mean", "median", "std", "min", "max", "sum", "count"] as const;

/**
 * RFC 4180: a row of names, then one row a period and series. Numbers are in `unit`, but for `valid_fraction` (0 to 1),
 * areas (km², and ha for classes), `count` (pixels) and `sum` (unit × pixels); empty where there is none, as in a
 * period without values. The lit area stands above `lit_above`, and above further thresholds by their names. Times are
 * UTC, `end` is no longer part of the period.
 */
export function csvOf(all: readonly Series[]): string {
  const percentiles = [...new Set(all.flatMap(({ entries }) => entries.flatMap((entry) => Object.keys(entry.percentiles))))];
  const classes = [...new Set(all.flatMap(({ layer }) => (layer.kind === "classes" ? [...layer.colors.keys()] : [])))];
  const thresholds = [...new Set(all.flatMap((series) => thresholdsOf(series).map(({ above }) => above)))].toSorted((a, b) => a - b);
  const lit = thresholds.flatMap((above, place) => (place ? [`lit_area_km2 (above ${above})`, `lit_share (above ${above})`] : ["lit_above", "lit_area_km2", "lit_share"]));
  const areCompared = all.some(({ layer }) => layer.isComparing);
  const head = ["area", "product", "unit", "period", "start", "end", "status", "reason", "valid_fraction", "area_km2", "valid_area_km2"];
  const names = [...head, ...NUMBERS, ...percentiles, ...lit, ...classes.map((name) => `${name} (ha)`), "cell_size_m", "synthetic", "scenes", ...(areCompared ? ["windows"] : [])];
  const rows = all.flatMap(({ layer, area, entries }) =>
    entries.map((entry) => [
      area.name,
      layer.id,
      layer.unit ?? "",
      entry.period,
      ...periodSpan(entry.period).map((moment) => new Date(moment).toISOString().replace(".000", "")),
      entry.status,
      entry.reason ?? "",
      entry.status === "empty" ? null : entry.valid_fraction,
      entry.area_km2,
      entry.status === "empty" ? null : entry.valid_area_km2,
      ...NUMBERS.map((name) => entry[name]),
      ...percentiles.map((name) => entry.percentiles[name]),
      ...thresholds.flatMap((above, place) => {
        const found = litOf(entry, above);
        return [...(place ? [] : [above]), found?.area_km2, found?.share];
      }),
      ...classes.map((name) => entry.classes.find((each) => each.name === name)?.area_ha),
      entry.cell_size_m,
      entry.synthetic,
      entry.scenes.join(" "),
      ...(areCompared ? [windowsOf(entry)] : []),
    ]),
  );
  return [names, ...rows].map((row) => row.map(field).join(",") + "\r\n").join("");
}

function field(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return "";
  const text = String(value);
  // A text that begins like a formula would be run by a spreadsheet.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
