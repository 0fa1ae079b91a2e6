/** What two windows come to over an area: hectares of each class, and of what has no value, as a bar and a table. */

import type { Absence, Entry } from "../api";
import { build } from "../dom";
import { swatch } from "../legend";
import { formatShare, formatUnit, formatValue } from "../numbers";
import { byTime, windowLabel } from "../periods";
import type { Layer, Series } from "./series";

interface Row {
  readonly name: string;
  /** null where the map is transparent. */
  readonly color: string | null;
  readonly ha: (entry: Entry) => number;
}

const ABSENCES: Record<Absence, string> = {
  outside_zone: "Outside the zone",
  masked: "Masked",
  not_covered: "Not covered",
  no_data: "No data",
};

/** One table for all parts of a layer, with a bar above it for each. */
export function drawChange(parts: readonly Series[], names: readonly string[]): HTMLElement[] {
  const { layer } = parts[0]!;
  const columns = parts.flatMap(({ entries }, index) => entries.map((entry) => ({ entry, name: names[index]! })));
  const entries = columns.map(({ entry }) => entry);
  const isSplit = columns.length > 1;
  const classes = rowsOf(layer);
  const absent = (Object.keys(ABSENCES) as Absence[])
    .map((name): Row => ({ name: ABSENCES[name], color: layer.absent.get(name) ?? null, ha: (entry) => hectares(entry.absent, name) }))
    .filter(({ ha }) => entries.some((entry) => ha(entry) >= 0.005));
  const figures = columns.map(({ entry, name }) => {
    const said = build("p", "change-windows", [isSplit ? `${name}. ` : "", windowsOf(entry)].join(""));
    return build("div", "change-part", said, bar(entry, [...classes, ...absent]));
  });
  const heads = columns.flatMap(({ name }) => [headCell(isSplit ? `${name}, ha` : "Hectares"), headCell("Share")]);
  const body = [
    ...classes.map((row) => tableRow(row, entries, "")),
    ...absent.map((row) => tableRow(row, entries, "absent")),
    ...layer.counted.map((name) => tableRow({ name, color: null, ha: (entry) => hectares(entry.counted ?? [], name) }, entries, "counted")),
    ...(layer.kind === "classes" ? [] : [numberRow(layer, entries, "Mean", "mean"), numberRow(layer, entries, "Median", "median")]),
    totalRow(entries),
  ];
  const table = build("table", "numbers change-table", build("thead", "", build("tr", "", headCell(""), ...heads)), build("tbody", "", ...body));
  return [...figures, table, ...entries.flatMap(doubts)];
}

/** "Before: June 2024. After: July 2024." */
export function windowsOf({ windows }: Entry): string {
  return byTime(windows)
    .map((window) => `${window.title}: ${windowLabel(window)}.`)
    .join(" ");
}

function rowsOf({ colors }: Layer): Row[] {
  return [...colors].map(([name, color]) => ({ name, color, ha: (entry) => hectares(entry.classes, name) }));
}

function hectares(list: Entry["classes"] | undefined, name: string): number {
  return list?.find((each) => each.name === name)?.area_ha ?? 0;
}

function bar(entry: Entry, rows: readonly Row[]): HTMLElement {
  const pieces = rows.flatMap((row) => {
    const share = shareOf(row, entry);
    if (share <= 0) return [];
    const piece = row.color ? swatch(row.color) : build("span", "swatch empty");
    piece.style.flexGrow = String(share);
    piece.title = `${row.name}: ${formatValue(row.ha(entry))} ha`;
    return [piece];
  });
  if (!rows.some(({ color }) => color)) pieces.unshift(valuePiece(entry));
  const drawn = build("div", "change-bar", ...pieces);
  drawn.setAttribute("role", "img");
  const told = rows.filter((row) => shareOf(row, entry) > 0).map((row) => `${row.name} ${formatShare(shareOf(row, entry))}`);
  drawn.setAttribute("aria-label", `Share of the area: ${told.join(", ") || "all of it has a value"}`);
  return drawn;
}

/** A layer without classes: the part that has a value is one piece. */
function valuePiece({ valid_fraction }: Entry): HTMLElement {
  const piece = build("span", "swatch valued");
  piece.style.flexGrow = String(valid_fraction);
  piece.title = `With a value: ${formatShare(valid_fraction)}`;
  return piece;
}

function shareOf({ ha }: Row, entry: Entry): number {
  return ha(entry) / (entry.area_km2 * 100);
}

function tableRow(row: Row, entries: readonly Entry[], kind: string): HTMLTableRowElement {
  const mark = kind === "counted" ? [] : [row.color ? swatch(row.color) : build("span", "swatch empty")];
  const cells = entries.flatMap((entry) => [
    build("td", "", row.ha(entry) ? formatValue(row.ha(entry)) : "0"),
    build("td", "", formatShare(shareOf(row, entry))),
  ]);
  return build("tr", kind, headCell(row.name, "row", ...mark), ...cells);
}

function numberRow({ unit }: Layer, entries: readonly Entry[], title: string, name: "mean" | "median"): HTMLTableRowElement {
  const cells = entries.map((entry) => {
    const cell = build("td", "", entry[name] === null ? "–" : `${formatValue(entry[name])} ${formatUnit(unit)}`.trim());
    cell.colSpan = 2;
    return cell;
  });
  return build("tr", "", headCell(title, "row"), ...cells);
}

function totalRow(entries: readonly Entry[]): HTMLTableRowElement {
  const cells = entries.flatMap(({ valid_area_km2, valid_fraction }) => [
    build("td", "", formatValue(100 * valid_area_km2)),
    build("td", "", formatShare(valid_fraction)),
  ]);
  return build("tr", "total", headCell("With a value", "row"), ...cells);
}

/** Values that are rarely true, and rules that could not be applied. */
function doubts({ suspect, unmasked = [] }: Entry): HTMLElement[] {
  const texts = unmasked.map((rule) => `This mask was not applied because its data is missing: ${rule}.`);
  if (suspect && suspect.area_ha > 0) {
    texts.unshift(`${formatValue(suspect.area_ha)} ha have values outside the plausible range for this layer.`);
  }
  return texts.map((text) => build("p", "change-note", text));
}

function headCell(text: string, scope = "col", ...before: HTMLElement[]): HTMLTableCellElement {
  const cell = build("th", "", ...before, text);
  cell.scope = scope;
  return cell;
}
