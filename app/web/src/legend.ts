/** The legend: classes as swatches, a ramp as a gradient with ticks. */

import type { Legend, LegendEntry } from "./api";
import { build } from "./dom";
import { commonPower, formatPower, formatTick, formatUnit } from "./numbers";

/** More labels than this touch one another on a panel 360 px wide. */
const MOST_TICKS = 5;

export function drawLegend(into: HTMLElement, legend: Legend): void {
  const caption = build("figcaption", "label-row", build("span", "label", "Legend"));
  into.replaceChildren(caption);
  if (legend.kind === "continuous" && legend.rescale) {
    const ticks = spread(legend.entries).map(({ from, to }) => from ?? to ?? 0);
    const power = commonPower(ticks);
    caption.append(build("span", "count", `${formatPower(power)} ${formatUnit(legend.unit)}`.trim()));
    into.append(...ramp(legend, legend.rescale, ticks, power));
    if (legend.absent.length) into.append(swatches({ ...legend, entries: legend.absent }));
  } else {
    caption.append(build("span", "count", formatUnit(legend.unit)));
    into.append(swatches(legend));
  }
  const isMaskDrawn = legend.absent.some(({ state }) => state === "masked");
  const absence = isMaskDrawn ? "Transparent: not covered or no data" : "Transparent: no data or masked";
  into.append(build("p", "absence", build("span", "swatch empty"), absence));
}

function swatches({ kind, entries }: Legend): HTMLElement {
  const rows = entries.map((entry) => {
    const row = build("li", "class-row", swatch(entry.color), build("span", "class-name", entry.label));
    if (entry.state) row.classList.add("absent");
    else if (kind === "classes") row.append(build("span", "class-range", range(entry)));
    return row;
  });
  return build("ul", "classes", ...rows);
}

function range({ from, to }: LegendEntry): string {
  if (from !== null && from === to) return formatTick(from);
  if (from === null) return to === null ? "" : `< ${formatTick(to)}`;
  if (to === null) return `≥ ${formatTick(from)}`;
  return `${formatTick(from)} – ${formatTick(to)}`;
}

function ramp(legend: Legend, [low, high]: readonly [number, number], values: number[], power: number): HTMLElement[] {
  const bar = build("div", "ramp");
  bar.style.backgroundImage = `linear-gradient(to right, ${legend.colors.join(", ")})`;
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", `Colour scale from ${formatTick(low)} to ${formatTick(high)} ${formatUnit(legend.unit)}`.trim());
  const ticks = values.map((value) => {
    const tick = build("span", "tick", formatTick(value / 10 ** power));
    tick.style.setProperty("--share", String((value - low) / (high - low)));
    return tick;
  });
  return [bar, build("div", "ticks", ...ticks)];
}

/** At most MOST_TICKS entries, evenly chosen, both ends kept. */
function spread(entries: readonly LegendEntry[]): readonly LegendEntry[] {
  const gaps = entries.length - 1;
  if (gaps < MOST_TICKS) return entries;
  const wanted = [MOST_TICKS - 1, 3, 2].find((count) => gaps % count === 0) ?? 1;
  return entries.filter((_, index) => index % (gaps / wanted) === 0);
}

export function swatch(color: string): HTMLElement {
  const made = build("span", "swatch");
  made.style.backgroundColor = color;
  return made;
}
