/** Reading a profile: a pointer, a finger or the arrow keys stand on a piece, which is told and marked on the map. */

import { build, draw } from "../dom";
import { formatPlace, formatUnit, formatValue } from "../numbers";
import { formatDistance, indexAt, whyNone, type Profile, type Segment } from "./profile";
import type { DrawnProfile } from "./profile_plot";

export class ProfileCursor {
  readonly #reach: HTMLElement;
  readonly #tip: HTMLElement;
  readonly #marked: (segment: Segment | null) => void;
  #drawn: DrawnProfile | null = null;
  #profile: Profile | null = null;
  #at: number | null = null;

  /** `marked` is told of the piece that is stood on. */
  constructor(reach: HTMLElement, tip: HTMLElement, marked: (segment: Segment | null) => void) {
    this.#reach = reach;
    this.#tip = tip;
    this.#marked = marked;
    for (const kind of ["pointermove", "pointerdown"] as const) reach.addEventListener(kind, (event) => this.#pointAt(event.offsetX));
    // A finger leaves its mark until something else is touched.
    reach.addEventListener("pointerleave", (event) => event.pointerType === "touch" || reach.matches(":focus-visible") || this.point(null));
    reach.addEventListener("focus", () => reach.matches(":focus-visible") && this.point(this.#at ?? 0));
    reach.addEventListener("blur", () => this.point(null));
    reach.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Follow the pointer over this drawing from now on. */
  attach(drawn: DrawnProfile, profile: Profile): void {
    if (profile !== this.#profile) this.#at = null;
    this.#drawn = drawn;
    this.#profile = profile;
    this.#reach.setAttribute("aria-valuemax", String(Math.max(0, profile.segments.length - 1)));
    this.#mark();
  }

  /** No profile is shown. */
  detach(): void {
    this.#drawn = this.#profile = null;
    this.point(null);
  }

  /** Stand on a piece, or on none. */
  point(index: number | null): void {
    this.#at = index;
    this.#mark();
  }

  #pointAt(x: number): void {
    if (!this.#drawn || !this.#profile?.segments.length) return;
    const { left, right } = this.#drawn;
    const last = this.#profile.segments.at(-1)!;
    const share = Math.min(1, Math.max(0, (x - left) / (right - left)));
    this.point(indexAt(this.#profile.segments, share * (last.start_m + last.length_m)));
  }

  #pressed(event: KeyboardEvent): void {
    const last = (this.#profile?.segments.length ?? 0) - 1;
    const at = this.#at ?? 0;
    const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - 10, PageUp: at + 10, Home: 0, End: last };
    const next = steps[event.key];
    if (next === undefined || last < 0) return;
    event.preventDefault();
    this.point(Math.min(Math.max(next, 0), last));
  }

  #mark(): void {
    const [drawn, profile] = [this.#drawn, this.#profile];
    const segment = this.#at === null ? null : (profile?.segments[this.#at] ?? null);
    this.#marked(segment);
    this.#tip.hidden = !segment;
    if (!drawn || !profile) return;
    const marks = drawn.svg.querySelector(".marks")!;
    marks.replaceChildren();
    this.#reach.setAttribute("aria-valuenow", String(this.#at ?? 0));
    const told = segment ?? profile.segments[0];
    if (told) this.#reach.setAttribute("aria-valuetext", words(told, profile.unit));
    if (!segment) return;
    const middle = drawn.x(segment.start_m + segment.length_m / 2);
    marks.append(draw("line", "cursor", { x1: middle, x2: middle, y1: drawn.top, y2: drawn.bottom + 18 }));
    if (segment.value !== null) marks.append(draw("circle", "profile-mark", { cx: middle, cy: drawn.y(segment.value), r: 4.5 }));
    this.#tell(segment, profile.unit, middle, drawn);
  }

  #tell(segment: Segment, unit: string | null, middle: number, { left, right }: DrawnProfile): void {
    const { start_m, length_m, value, lon, lat } = segment;
    const number = value === null ? build("p", "tip-soft", `No value: ${whyNone(segment)}`) : build("p", "tip-value", build("strong", "", formatValue(value)), ` ${formatUnit(unit)}`);
    this.#tip.replaceChildren(build("p", "tip-period", `At ${formatDistance(start_m + length_m / 2)}`), number, build("p", "tip-soft", formatPlace(lon, lat)));
    const width = this.#tip.offsetWidth;
    const x = middle > (left + right) / 2 ? middle - width - 12 : middle + 12;
    this.#tip.style.transform = `translateX(${Math.max(2, Math.min(x, right + 14 - width))}px)`;
  }
}

/** A piece as a sentence, for those who hear it. */
function words(segment: Segment, unit: string | null): string {
  const told = segment.value === null ? `no value, ${whyNone(segment)}` : `${formatValue(segment.value)} ${formatUnit(unit)}`.trim();
  return `At ${formatDistance(segment.start_m + segment.length_m / 2)}: ${told}. ${formatPlace(segment.lon, segment.lat)}`;
}
