/** The drawing of one or two series: lines with their band, stacked classes, and the share with a value below. */

import { draw } from "../dom";
import { timeTicks } from "./axis";
import { litAxis, litOf, thresholdsOf } from "./lit";
import { axesOf, columnsOf, timeScale, type Axis, type Column, type Frame } from "./scales";
import { bandOf, type Series, type Span } from "./series";

const TICK_WIDTH = 64;
const STRIP = 22;
/** Points are drawn where there is this much room for each. */
const POINT_ROOM = 11;

export interface Drawn {
  readonly svg: SVGSVGElement;
  readonly columns: readonly Column[];
  readonly frame: Frame;
}

/** Draw series into a picture of this size; the time axis runs over the whole span, whatever has come already. */
export function drawPlot(all: readonly Series[], { first, last }: Span, width: number, height: number): Drawn {
  const probe: Frame = { width, left: 0, right: width, top: 24, bottom: height - 20 - STRIP - 12 };
  const [leftAxis, secondAxis] = axesOf(all, probe);
  const rightAxis = secondAxis ?? litOnly(all, probe);
  const top = leftAxis?.title ? probe.top : 10;
  const frame: Frame = { ...probe, top, left: Math.max(marginOf(leftAxis), 46), right: width - (rightAxis ? marginOf(rightAxis) : 14) };
  const scale = timeScale(first, last, frame);
  const columns = columnsOf(all, scale);
  const lit = litOnly(all, frame);
  const axes = axesOf(all, frame).map((axis) => (lit ? { ...axis, title: `Mean, ${axis.title}` } : axis));
  const svg = draw("svg", all.length > 1 ? "plot-svg of-two" : "plot-svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  svg.append(draw("g", "marks"), ...axes.flatMap((axis, index) => drawAxis(axis, index, frame)));
  const bars = axes.flatMap((axis) => (axis.isOfClasses ? axis.series.map((index) => ({ axis, index })) : []));
  for (const [place, { axis, index }] of bars.entries()) {
    svg.append(drawClasses(all[index]!, index, axis, (period) => slice(scale.left(period), scale.right(period), place, bars.length)));
  }
  for (const axis of axes.filter(({ isOfClasses }) => !isOfClasses)) {
    svg.append(...axis.series.map((index) => drawBand(all[index]!, index, axis, scale.middle)));
    if (lit) svg.append(...drawAxis(lit, 1, frame), ...drawLit(all[0]!, lit, scale.middle));
    svg.append(...axis.series.map((index) => drawLine(all[index]!, index, axis, scale.middle, scale.right)));
  }
  const strip = { top: frame.bottom + 10, height: STRIP };
  svg.append(drawStrip(all, frame, strip, (period, place) => slice(scale.left(period), scale.right(period), place, all.length)));
  for (const { period, label } of timeTicks(columns.map(({ period }) => period), scale.middle, TICK_WIDTH)) {
    const x = Math.min(Math.max(scale.middle(period), 20), width - 22);
    svg.append(draw("text", "tick-time", { x, y: height - 5 }, label));
  }
  return { svg, columns, frame };
}

/** The axis of the lit area, where one series stands alone. */
function litOnly(all: readonly Series[], frame: Frame): Axis | null {
  return all.length === 1 ? litAxis(all[0]!, frame) : null;
}

/** A line a threshold; where nothing was seen, it breaks. */
function drawLit(series: Series, axis: Axis, x: (period: string) => number): SVGElement[] {
  return thresholdsOf(series).map(({ above }, place) => {
    const group = draw("g", place ? "of-1 lit further" : "of-1 lit");
    const points = series.entries.map((entry) => {
      const lit = litOf(entry, above);
      return lit && [x(entry.period), axis.y(lit.area_km2)];
    });
    for (const run of runs(points)) {
      if (run.length > 1) group.append(draw("path", "line", { d: `M${run.map(pair).join("L")}` }));
      else group.append(draw("circle", "lit-dot", { cx: round(run[0]![0]!), cy: round(run[0]![1]!), r: 2 }));
    }
    return group;
  });
}

/** Room for the labels of an axis. */
function marginOf(axis: Axis | null | undefined): number {
  return 16 + 6.8 * Math.max(0, ...(axis?.ticks ?? []).map(({ label }) => label.length));
}

/** The part of a column that belongs to one of several bars beside one another. */
function slice(left: number, right: number, place: number, count: number): readonly [x: number, width: number] {
  const gap = Math.min(3, (right - left) * 0.2);
  const width = (right - left - gap) / count;
  return [left + gap / 2 + place * width, Math.max(width - (count > 1 ? gap / 3 : 0), 0.5)];
}

function drawAxis(axis: Axis, index: number, { width, left, right, top }: Frame): SVGElement[] {
  const isRight = index > 0;
  const x = isRight ? right + 8 : left - 8;
  const slot = axis.series.length === 1 ? `of-${axis.series[0]}` : "";
  const labels = axis.ticks.map(({ y, label }) => draw("text", `tick-value ${isRight ? "at-right" : ""}`, { x, y: y + 4 }, label));
  const lines = isRight ? [] : axis.ticks.map(({ y }) => draw("line", "grid", { x1: left, x2: right, y1: y, y2: y }));
  const title = draw("text", `axis-title ${slot} ${isRight ? "at-left" : ""}`, { x: isRight ? width - 4 : 4, y: top - 12 }, axis.title);
  return [...lines, ...labels, title];
}

/** Stretches of neighbouring periods that have a value; where one has none, the line breaks. */
function runs<T>(items: readonly (T | null)[]): T[][] {
  const found: T[][] = [[]];
  for (const item of items) {
    if (item === null) found.push([]);
    else found.at(-1)!.push(item);
  }
  return found.filter((run) => run.length > 0);
}

function drawBand({ entries }: Series, index: number, axis: Axis, x: (period: string) => number): SVGElement {
  const edges = entries.map((entry) => {
    const band = bandOf(entry);
    return band && { x: x(entry.period), low: axis.y(band[0]), high: axis.y(band[1]) };
  });
  const group = draw("g", `of-${index}`);
  for (const run of runs(edges)) {
    if (run.length === 1) {
      const { x: at, low, high } = run[0]!;
      group.append(draw("line", "band-line", { x1: at, x2: at, y1: low, y2: high }));
    } else {
      const points = [...run.map((edge) => [edge.x, edge.high]), ...run.toReversed().map((edge) => [edge.x, edge.low])];
      group.append(draw("path", "band", { d: `M${points.map(pair).join("L")}Z` }));
    }
  }
  return group;
}

function drawLine({ entries }: Series, index: number, axis: Axis, x: (period: string) => number, end: (period: string) => number): SVGElement {
  const points = entries.map((entry) =>
    entry.mean === null ? null : { x: x(entry.period), y: axis.y(entry.mean), isPartial: entry.status === "partial", room: 2 * (end(entry.period) - x(entry.period)) },
  );
  const group = draw("g", `of-${index}`);
  for (const run of runs(points)) {
    const path = { d: `M${run.map(({ x: at, y }) => pair([at, y])).join("L")}` };
    if (run.length > 1) group.append(draw("path", "line casing", path), draw("path", "line", path));
    for (const { x: at, y, isPartial, room } of run) {
      if (room < POINT_ROOM && run.length > 1) continue;
      group.append(draw("circle", isPartial ? "dot partial" : "dot", { cx: round(at), cy: round(y), r: 3 }));
    }
  }
  return group;
}

function drawClasses({ layer, entries }: Series, index: number, axis: Axis, place: (period: string) => readonly [number, number]): SVGElement {
  const group = draw("g", `stack of-${index}`);
  for (const { period, classes } of entries) {
    const [x, width] = place(period);
    let sum = 0;
    for (const { name, area_ha } of classes) {
      const [low, high] = [axis.y(sum), axis.y(sum + area_ha)];
      sum += area_ha;
      const fill = layer.colors.get(name) ?? "currentcolor";
      group.append(draw("rect", "class-bar", { x: round(x), y: round(high), width: round(width), height: round(low - high), fill }));
    }
  }
  return group;
}

/** The share of the area that has a value, as bars on a ground of its own. */
function drawStrip(
  all: readonly Series[],
  frame: Frame,
  { top, height }: { top: number; height: number },
  place: (period: string, place: number) => readonly [number, number],
): SVGElement {
  const group = draw("g", "strip");
  group.append(draw("rect", "strip-ground", { x: frame.left, y: top, width: Math.max(0, frame.right - frame.left), height }));
  for (const [index, { entries }] of all.entries()) {
    for (const { period, valid_fraction } of entries) {
      const [x, width] = place(period, index);
      const tall = Math.min(1, valid_fraction) * height;
      const bar = { x: round(x), y: round(top + height - tall), width: round(width), height: round(tall) };
      group.append(draw("rect", `valid of-${index}${valid_fraction < 0.999 ? " partial" : ""}`, bar));
    }
  }
  group.append(draw("text", "tick-value", { x: frame.left - 8, y: top + height / 2 + 4 }, "valid"));
  return group;
}

function pair([x = 0, y = 0]: readonly number[]): string {
  return `${round(x)} ${round(y)}`;
}

/** A tenth of a pixel. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
