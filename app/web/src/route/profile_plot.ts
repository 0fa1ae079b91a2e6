/** The drawing of a profile: the value over the distance, and below where there is none, and why. */

import { roundTicks } from "../chart/axis";
import { draw } from "../dom";
import { commonPower, formatPower, formatTick, formatUnit } from "../numbers";
import { formatDistance, runsOf, type Profile, type Segment } from "./profile";

const STRIP = 10;
/** Room for a label of the distance. */
const TICK_WIDTH = 70;

export interface DrawnProfile {
  readonly svg: SVGSVGElement;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: (metres: number) => number;
  readonly y: (value: number) => number;
}

export function drawProfile(profile: Profile, width: number, height: number): DrawnProfile {
  const { segments } = profile;
  const length_m = segments.reduce((most, { start_m, length_m: each }) => Math.max(most, start_m + each), 0) || 1;
  const [top, bottom] = [24, height - 20 - STRIP - 10];
  const values = ticksOf(segments);
  const power = commonPower(values);
  const labels = values.map((value) => formatTick(value / 10 ** power));
  const [left, right] = [Math.max(46, 16 + 6.8 * Math.max(...labels.map((label) => label.length))), width - 16];
  const [from, to] = [values[0]!, values.at(-1)!];
  const x = (metres: number): number => left + (metres / length_m) * (right - left);
  const y = (value: number): number => bottom - ((value - from) / (to - from)) * (bottom - top);
  const svg = draw("svg", "plot-svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  svg.append(draw("g", "marks"), draw("text", "axis-title", { x: 4, y: top - 12 }, `${formatPower(power)} ${formatUnit(profile.unit)}`.trim()));
  for (const [index, value] of values.entries()) {
    svg.append(draw("line", value === 0 && from < 0 ? "grid zero" : "grid", { x1: left, x2: right, y1: y(value), y2: y(value) }));
    svg.append(draw("text", "tick-value", { x: left - 8, y: y(value) + 4 }, labels[index]!));
  }
  svg.append(drawSteps(segments, x, y), drawMissing(segments, x, bottom + 8), ...drawDistances(length_m, x, right, height - 5));
  return { svg, left, right, top, bottom, x, y };
}

/** Ticks of the values; zero is among them unless all lie far from it. */
function ticksOf(segments: readonly Segment[]): number[] {
  const values = segments.flatMap(({ value }) => (value === null ? [] : [value]));
  if (!values.length) return roundTicks(0, 1, 4);
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  return roundTicks(low > 0 && low < high / 2 ? 0 : low, high, 4);
}

/** One value for each cell that is passed: a line of steps, broken where there is none. */
function drawSteps(segments: readonly Segment[], x: (metres: number) => number, y: (value: number) => number): SVGElement {
  const group = draw("g", "of-0 profile");
  for (const run of runsOf(segments)) {
    const steps = run.map(({ start_m, length_m, value }) => `${round(x(start_m))} ${round(y(value!))}H${round(x(start_m + length_m))}`);
    const path = { d: `M${steps.join("L")}` };
    group.append(draw("path", "line casing", path), draw("path", "line", path));
  }
  return group;
}

/** Where there is no value, as bars on the ground. */
function drawMissing(segments: readonly Segment[], x: (metres: number) => number, top: number): SVGElement {
  const group = draw("g", "profile-missing");
  const merged: { state: string; from: number; to: number }[] = [];
  for (const { state, start_m, length_m, value } of segments) {
    const last = merged.at(-1);
    const name = value === null ? state : "ok";
    if (last?.state === name) last.to = start_m + length_m;
    else merged.push({ state: name, from: start_m, to: start_m + length_m });
  }
  for (const { state, from, to } of merged) {
    group.append(draw("rect", `piece is-${state}`, { x: round(x(from)), y: top, width: round(Math.max(0.5, x(to) - x(from))), height: STRIP }));
  }
  return group;
}

function drawDistances(length_m: number, x: (metres: number) => number, right: number, y: number): SVGElement[] {
  const count = Math.max(1, Math.min(10, Math.floor((right - x(0)) / TICK_WIDTH)));
  const ticks = roundTicks(0, length_m, count).filter((metres) => metres <= length_m);
  return ticks.map((metres) => draw("text", "tick-time", { x: Math.min(Math.max(x(metres), 24), right - 12), y }, formatDistance(metres)));
}

/** A tenth of a pixel. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
