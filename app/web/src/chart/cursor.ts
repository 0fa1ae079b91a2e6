/** Reading a plot: a pointer, a finger or the arrow keys stand on a period, whose numbers are then told. */

import type { Entry } from "../api";
import { build, draw } from "../dom";
import { formatArea, formatShare, formatTick, formatUnit, formatValue } from "../numbers";
import { periodLabel } from "../periods";
import { windowsOf } from "./change";
import type { Drawn } from "./plot";
import { litOf, thresholdsOf } from "./lit";
import type { Column } from "./scales";
import { bandOf, type Series } from "./series";

/** Tells of a period: passing over it, or choosing it for the map. */
export interface CursorEvents {
  readonly choose: (period: string) => void;
}

export class Cursor {
  readonly #reach: HTMLElement;
  readonly #tip: HTMLElement;
  readonly #events: CursorEvents;
  #drawn: Drawn | null = null;
  #series: readonly Series[] = [];
  #names: readonly string[] = [];
  /** The period the map shows. */
  #selected = "";
  #at: number | null = null;

  constructor(reach: HTMLElement, tip: HTMLElement, events: CursorEvents) {
    this.#reach = reach;
    this.#tip = tip;
    this.#events = events;
    reach.addEventListener("pointermove", (event) => this.#pointAt(event.offsetX));
    reach.addEventListener("pointerdown", (event) => this.#pointAt(event.offsetX));
    // A finger leaves its mark until something else is touched.
    reach.addEventListener("pointerleave", (event) => event.pointerType === "touch" || reach.matches(":focus-visible") || this.#point(null));
    reach.addEventListener("click", () => this.#choose());
    reach.addEventListener("focus", () => reach.matches(":focus-visible") && this.#point(this.#at ?? this.#selectedIndex()));
    reach.addEventListener("blur", () => this.#point(null));
    reach.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Follow the pointer over this drawing from now on. */
  attach(drawn: Drawn, series: readonly Series[], names: readonly string[]): void {
    this.#drawn = drawn;
    this.#series = series;
    this.#names = names;
    this.#reach.setAttribute("aria-valuemax", String(Math.max(0, drawn.columns.length - 1)));
    this.#mark();
  }

  /** The map shows this period now. */
  selectPeriod(period: string): void {
    this.#selected = period;
    this.#mark();
  }

  #selectedIndex(): number {
    const columns = this.#drawn?.columns ?? [];
    const index = columns.findIndex(({ period }) => this.#selected.startsWith(period));
    return index < 0 ? columns.length - 1 : index;
  }

  #pointAt(x: number): void {
    const columns = this.#drawn?.columns ?? [];
    if (!columns.length) return;
    const within = columns.findIndex((column) => x < column.right);
    this.#point(within < 0 ? columns.length - 1 : within);
  }

  #point(index: number | null): void {
    this.#at = index;
    this.#mark();
  }

  #choose(): void {
    const column = this.#at === null ? null : this.#drawn?.columns[this.#at];
    if (column) this.#events.choose(column.period);
  }

  #pressed(event: KeyboardEvent): void {
    const last = (this.#drawn?.columns.length ?? 0) - 1;
    const at = this.#at ?? this.#selectedIndex();
    const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - 12, PageUp: at + 12, Home: 0, End: last };
    const next = steps[event.key];
    if (next !== undefined) this.#point(Math.min(Math.max(next, 0), last));
    else if (event.key === "Enter" || event.key === " ") this.#choose();
    else return;
    event.preventDefault();
  }

  #mark(): void {
    const drawn = this.#drawn;
    if (!drawn) return;
    const marks = drawn.svg.querySelector(".marks")!;
    marks.replaceChildren();
    const height = drawn.frame.bottom - drawn.frame.top + 32;
    const selected = drawn.columns.find(({ period }) => this.#selected.startsWith(period));
    if (selected) {
      const width = Math.max(selected.right - selected.left, 3);
      const x = selected.middle - width / 2;
      marks.append(draw("rect", "standing", { x, y: drawn.frame.top, width, height, rx: 3 }));
      marks.append(draw("rect", "standing-foot", { x, y: drawn.frame.top + height + 1.5, width, height: 3, rx: 1.5 }));
    }
    const column = this.#at === null ? undefined : drawn.columns[this.#at];
    if (column) marks.append(draw("line", "cursor", { x1: column.middle, x2: column.middle, y1: drawn.frame.top, y2: drawn.frame.top + height }));
    this.#reach.setAttribute("aria-valuenow", String(this.#at ?? this.#selectedIndex()));
    const told = column ?? drawn.columns[this.#selectedIndex()];
    if (told) this.#reach.setAttribute("aria-valuetext", this.#words(told));
    this.#tell(column, drawn);
  }

  #tell(column: Column | undefined, { frame }: Drawn): void {
    this.#tip.hidden = !column;
    if (!column) return;
    const parts = column.entries.flatMap((entry, index) => this.#rows(entry, index));
    this.#tip.replaceChildren(build("p", "tip-period", periodLabel(column.period)), ...parts);
    const width = this.#tip.offsetWidth;
    const isLeft = column.middle > (frame.left + frame.right) / 2;
    const x = isLeft ? column.middle - width - 12 : column.middle + 12;
    this.#tip.style.transform = `translateX(${Math.max(2, Math.min(x, frame.width - width - 2))}px)`;
  }

  #rows(entry: Entry | null, index: number): HTMLElement[] {
    const name = this.#series.length > 1 ? [build("p", `tip-name of-${index}`, this.#names[index] ?? "")] : [];
    const series = this.#series[index]!;
    const { layer } = series;
    if (!entry) return [...name, build("p", "tip-soft", "No value for this period.")];
    const rows = entry.status === "empty" ? [] : layer.kind === "classes" ? classRows(entry, layer.colors) : [valueRow(entry, formatUnit(layer.unit))];
    const valid = entry.status === "empty" ? "No value" : `${formatShare(entry.valid_fraction)} of the ${series.whole ?? "area"} has a value`;
    const reason = entry.reason ? [build("p", "tip-soft", entry.reason)] : [];
    const windows = layer.isComparing && entry.windows ? [build("p", "tip-soft", windowsOf(entry))] : [];
    const lit = litWords(series, entry).map((text) => build("p", "tip-lit", text));
    return [...name, ...rows, ...lit, build("p", "tip-valid", valid), ...windows, ...reason];
  }

  /** The same as a sentence, for those who hear it. */
  #words(column: Column): string {
    const said = column.entries.map((entry, index) => {
      const { layer, whole = "area" } = this.#series[index]!;
      const name = this.#series.length > 1 ? `${this.#names[index]}: ` : "";
      if (!entry || entry.status === "empty") return `${name}no value. ${entry?.reason ?? ""}`;
      const numbers =
        layer.kind === "classes"
          ? entry.classes.map(({ name: each, area_ha }) => `${each} ${formatArea(area_ha / 100)}`).join(", ")
          : [`mean ${formatValue(entry.mean ?? 0)} ${formatUnit(layer.unit)}`, ...litWords(this.#series[index]!, entry)].join(", ");
      return `${name}${numbers}, ${formatShare(entry.valid_fraction)} of the ${whole} has a value. ${windowsOf(entry)} ${entry.reason ?? ""}`.trimEnd();
    });
    return `${periodLabel(column.period)}: ${said.join(" ")}`.trim();
  }
}

/** Lit above 0.5: 12.3 km² (45%) */
function litWords(series: Series, entry: Entry): string[] {
  return thresholdsOf(series).flatMap(({ above }) => {
    const lit = litOf(entry, above);
    return lit ? [`Lit above ${formatTick(above)}: ${formatArea(lit.area_km2)} (${formatShare(lit.share)})`] : [];
  });
}

function valueRow(entry: Entry, unit: string): HTMLElement {
  const row = build("p", "tip-value", build("strong", "", formatValue(entry.mean ?? 0)), unit ? ` ${unit}` : "");
  const band = bandOf(entry);
  if (band) row.append(build("span", "tip-soft", ` ${formatValue(band[0])} to ${formatValue(band[1])}`));
  return row;
}

function classRows({ classes }: Entry, colors: ReadonlyMap<string, string>): HTMLElement[] {
  return classes.toReversed().map(({ name, area_ha }) => {
    const mark = build("span", "tip-swatch");
    mark.style.backgroundColor = colors.get(name) ?? "transparent";
    return build("p", "tip-class", mark, build("span", "tip-class-name", name), formatArea(area_ha / 100));
  });
}
