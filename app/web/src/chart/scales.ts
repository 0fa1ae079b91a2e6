/** From time and value to pixels: the columns of periods, and the axes of the values. */

import type { Entry } from "../api";
import { commonPower, formatPower, formatTick, formatUnit } from "../numbers";
import { periodSpan } from "../periods";
import { roundTicks } from "./axis";
import { bandOf, type Series } from "./series";

export interface Frame {
  readonly width: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** One period of the first series, and what the second has at that time. */
export interface Column {
  readonly period: string;
  readonly left: number;
  readonly right: number;
  readonly middle: number;
  /** One a series; null where it has no such period. */
  readonly entries: readonly (Entry | null)[];
}

export interface TimeScale {
  readonly left: (period: string) => number;
  readonly middle: (period: string) => number;
  readonly right: (period: string) => number;
}

/** The whole of `from` to `to` between the edges of the frame. */
export function timeScale(from: string, to: string, frame: Frame): TimeScale {
  const [begin] = periodSpan(from);
  const [, end] = periodSpan(to);
  const x = (moment: number): number => frame.left + ((moment - begin) / (end - begin)) * (frame.right - frame.left);
  return {
    left: (period) => x(periodSpan(period)[0]),
    right: (period) => x(periodSpan(period)[1]),
    middle: (period) => x((periodSpan(period)[0] + periodSpan(period)[1]) / 2),
  };
}

export function columnsOf(all: readonly Series[], scale: TimeScale): Column[] {
  return (all[0]?.entries ?? []).map((entry) => ({
    period: entry.period,
    left: scale.left(entry.period),
    right: scale.right(entry.period),
    middle: scale.middle(entry.period),
    entries: all.map((series, index) => (index === 0 ? entry : entryAt(series.entries, entry.period))),
  }));
}

/** The entry of that name, or the one whose time holds the middle of the period. */
function entryAt(entries: readonly Entry[], period: string): Entry | null {
  const [begin, end] = periodSpan(period);
  const holds = (entry: Entry): boolean => {
    const [from, to] = periodSpan(entry.period);
    return from <= (begin + end) / 2 && (begin + end) / 2 < to;
  };
  return entries.find((entry) => entry.period === period) ?? entries.find(holds) ?? null;
}

/** An axis of values, for one series or for two of the same unit. */
export interface Axis {
  readonly series: readonly number[];
  /** The unit; with the layer's name where there are two axes. */
  readonly title: string;
  readonly ticks: readonly { readonly y: number; readonly label: string }[];
  readonly y: (value: number) => number;
  /** Whether it measures hectares of classes. */
  readonly isOfClasses: boolean;
}

export function axesOf(all: readonly Series[], frame: Frame): Axis[] {
  const [first, second] = all;
  if (!first) return [];
  if (!second) return [axisOf(all, [0], frame, true)];
  const alike = first.layer.kind === second.layer.kind && first.layer.unit === second.layer.unit;
  return alike ? [axisOf(all, [0, 1], frame, true)] : [axisOf(all, [0], frame, false), axisOf(all, [1], frame, false)];
}

function axisOf(all: readonly Series[], indexes: readonly number[], frame: Frame, isOnly: boolean): Axis {
  const members = indexes.map((index) => all[index]!);
  const { layer } = members[0]!;
  const isOfClasses = layer.kind === "classes";
  const [low, high] = isOfClasses ? [0, largestArea(members)] : range(members);
  const values = roundTicks(low, high, 4);
  const power = commonPower(values);
  const [from = 0, to = 1] = [values[0], values.at(-1)];
  const y = (value: number): number => frame.bottom - ((value - from) / (to - from)) * (frame.bottom - frame.top);
  const isLarge = isOfClasses && high >= 1000;
  const unit = isOfClasses ? (isLarge ? "km²" : "ha") : `${formatPower(power)} ${formatUnit(layer.unit)}`.trim();
  return {
    series: indexes,
    title: isOnly ? unit : [layer.title, unit].filter(Boolean).join(", "),
    ticks: values.map((value) => ({ y: y(value), label: formatTick(isOfClasses ? value / (isLarge ? 100 : 1) : value / 10 ** power) })),
    y,
    isOfClasses,
  };
}

function range(members: readonly Series[]): readonly [low: number, high: number] {
  const values = members.flatMap(({ entries }) => entries.flatMap((entry) => [...(bandOf(entry) ?? []), ...(entry.mean === null ? [] : [entry.mean])]));
  if (!values.length) return [0, 1];
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  return low > 0 && low < high / 2 ? [0, high] : [low, high];
}

function largestArea(members: readonly Series[]): number {
  const sums = members.flatMap(({ entries }) => entries.map(({ classes }) => classes.reduce((sum, { area_ha }) => sum + area_ha, 0)));
  return sums.reduce((a, b) => Math.max(a, b), 0) || 1;
}
