/** The card of a route: its profile at the time shown, or its exposure over time. */

import { address, type ProductDetail } from "../api";
import { Cursor } from "../chart/cursor";
import { drawTable } from "../chart/numbers_table";
import { drawPlot } from "../chart/plot";
import { build, element } from "../dom";
import { formatPlace, formatShare, formatUnit, formatValue } from "../numbers";
import { periodLabel } from "../periods";
import { seriesOf, spanOf } from "./history";
import type { Route } from "./line";
import { csvOf, formatDistance, whyNone, type History, type Profile, type Segment } from "./profile";
import { ProfileCursor } from "./profile_cursor";
import { drawProfile } from "./profile_plot";

export interface RouteCardEvents {
  /** A period of the history, for the map to show. */
  readonly choose: (period: string) => void;
  /** The piece that is read. */
  readonly marked: (segment: Segment | null) => void;
  readonly overTime: (isOverTime: boolean) => void;
  readonly close: () => void;
}

type Shown = { readonly route: Route; readonly product: ProductDetail } & ({ readonly profile: Profile } | { readonly history: History });

/** Rows of the table; a longer profile is whole in its CSV. */
const MOST_ROWS = 500;

export class RouteCard {
  readonly #card = element("route-card", HTMLElement);
  readonly #title = element("route-title", HTMLHeadingElement);
  readonly #subtitle = element("route-subtitle", HTMLParagraphElement);
  readonly #synthetic = element("route-synthetic", HTMLSpanElement);
  readonly #view = element("route-view", HTMLButtonElement);
  readonly #numbers = element("route-numbers", HTMLButtonElement);
  readonly #csv = element("route-csv", HTMLAnchorElement);
  readonly #notice = element("route-notice", HTMLDivElement);
  readonly #plot = element("route-plot", HTMLDivElement);
  readonly #past = element("route-past", HTMLDivElement);
  readonly #table = element("route-table", HTMLDivElement);
  readonly #summary = element("route-summary", HTMLParagraphElement);
  readonly #key = element("route-missing-key", HTMLParagraphElement);
  readonly #cursor: ProfileCursor;
  readonly #pastCursor: Cursor;
  #shown: Shown | null = null;
  #areNumbersShown = false;

  constructor(events: RouteCardEvents) {
    this.#cursor = new ProfileCursor(element("route-reach", HTMLDivElement), element("route-tip", HTMLDivElement), events.marked);
    this.#pastCursor = new Cursor(element("route-past-reach", HTMLDivElement), element("route-past-tip", HTMLDivElement), { choose: events.choose });
    this.#view.addEventListener("click", () => events.overTime(this.#card.dataset["view"] !== "past"));
    this.#numbers.addEventListener("click", () => {
      this.#areNumbersShown = !this.#areNumbersShown;
      this.#draw();
    });
    element("route-close", HTMLButtonElement).addEventListener("click", events.close);
    for (const plot of [this.#plot, this.#past]) new ResizeObserver(() => window.requestAnimationFrame(() => this.#drawPlots())).observe(plot);
  }

  hide(): void {
    this.#card.hidden = true;
    this.#shown = null;
    this.#cursor.detach();
  }

  /** Stand on a piece of the profile, or on none. */
  point(index: number | null): void {
    this.#cursor.point(index);
  }

  /** The pieces of the profile that is shown; none where it is not. */
  get segments(): readonly Segment[] {
    return this.#shown && "profile" in this.#shown ? this.#shown.profile.segments : [];
  }

  /** The map shows this period now. */
  selectPeriod(period: string): void {
    this.#pastCursor.selectPeriod(period);
  }

  showLoading(route: Route, product: ProductDetail, isOverTime: boolean): void {
    this.#open();
    this.#card.setAttribute("aria-busy", "true");
    this.#card.style.setProperty("--share", "0.4");
    this.#title.textContent = product.title;
    this.#view.hidden = route.id === null;
    this.#card.dataset["view"] = isOverTime ? "past" : "profile";
    this.#view.textContent = isOverTime ? "Along the route" : "Over time";
    if (!this.#shown) this.#subtitle.textContent = `${route.name} · calculating…`;
  }

  show(shown: Shown): void {
    this.#shown = shown;
    this.#open();
    this.#card.setAttribute("aria-busy", "false");
    this.#notice.hidden = true;
    this.#synthetic.hidden = !("profile" in shown ? [shown.profile] : shown.history.series).some(({ synthetic }) => synthetic);
    this.#csv.hidden = this.#numbers.hidden = false;
    this.#subtitle.textContent = subtitleOf(shown);
    this.#summary.textContent = summaryOf(shown);
    URL.revokeObjectURL(this.#csv.href);
    this.#csv.href = "history" in shown ? address(`routes/${shown.route.id}/exposure?product=${encodeURIComponent(shown.product.id)}&f=csv`) : URL.createObjectURL(new Blob([csvOf(shown.profile)], { type: "text/csv;charset=utf-8" }));
    this.#csv.download = `${shown.product.id} ${shown.route.name}`.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") + ".csv";
    this.#draw();
  }

  /** Say why there is nothing to draw, and what can be done. */
  showError(title: string, text: string, ...actions: HTMLElement[]): void {
    this.#open();
    this.#shown = null;
    this.#cursor.detach();
    this.#card.setAttribute("aria-busy", "false");
    this.#title.textContent = title;
    this.#subtitle.textContent = this.#summary.textContent = "";
    this.#plot.hidden = this.#past.hidden = this.#table.hidden = this.#key.hidden = this.#csv.hidden = this.#numbers.hidden = true;
    this.#notice.hidden = false;
    this.#notice.replaceChildren(build("p", "", text), ...actions);
  }

  /** Where the card is a part of the sheet, it comes into view. */
  #open(): void {
    const isNew = this.#card.hidden;
    this.#card.hidden = false;
    if (isNew && getComputedStyle(this.#card).position !== "fixed") this.#card.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  #draw(): void {
    const shown = this.#shown;
    if (!shown) return;
    const isProfile = "profile" in shown;
    this.#numbers.textContent = this.#areNumbersShown ? "Show chart" : "Show table";
    this.#numbers.setAttribute("aria-pressed", String(this.#areNumbersShown));
    this.#plot.hidden = !isProfile || this.#areNumbersShown;
    this.#past.hidden = isProfile || this.#areNumbersShown;
    this.#key.hidden = !isProfile || this.#areNumbersShown || shown.profile.segments.every(({ value }) => value !== null);
    this.#table.hidden = !this.#areNumbersShown;
    if (this.#areNumbersShown) this.#table.replaceChildren(isProfile ? drawPieces(shown.profile) : drawTable([seriesOf(shown.history, shown.product, shown.route)], [shown.route.name]));
    if (!isProfile || this.#areNumbersShown) this.#cursor.detach();
    this.#drawPlots();
  }

  #drawPlots(): void {
    const shown = this.#shown;
    if (!shown || this.#areNumbersShown) return;
    const plot = "profile" in shown ? this.#plot : this.#past;
    const { clientWidth: width, clientHeight: height } = plot;
    if (width < 80) return;
    if ("profile" in shown) {
      const drawn = drawProfile(shown.profile, width, height);
      drawn.svg.setAttribute("aria-label", `${shown.product.title} along ${shown.route.name}, ${periodLabel(shown.profile.period)}. ${summaryOf(shown)}`);
      element("route-picture", HTMLDivElement).replaceChildren(drawn.svg);
      this.#cursor.attach(drawn, shown.profile);
    } else {
      const span = spanOf(shown.history);
      if (!span) return;
      const series = [seriesOf(shown.history, shown.product, shown.route)];
      const drawn = drawPlot(series, span, width, height);
      drawn.svg.setAttribute("aria-label", `${shown.product.title} along ${shown.route.name} over time. ${summaryOf(shown)}`);
      element("route-past-picture", HTMLDivElement).replaceChildren(drawn.svg);
      this.#pastCursor.attach(drawn, series, [shown.route.name]);
    }
  }
}

function subtitleOf(shown: Shown): string {
  const { route } = shown;
  const length = "profile" in shown ? shown.profile.length_km : shown.history.series.at(-1)?.length_km;
  const straight = route.isStraight ? "a straight line between two points, not a way that is travelled" : "";
  const time = "profile" in shown ? periodLabel(shown.profile.period) : "";
  return [route.name, length === undefined ? "" : formatDistance(length * 1000), time, straight].filter(Boolean).join(" · ");
}

/** What the whole route comes to, in a sentence. */
function summaryOf(shown: Shown): string {
  if ("history" in shown) {
    const { series, pending } = shown.history;
    const valued = series.filter(({ mean }) => mean !== null).length;
    return `${valued} of ${series.length} times have a mean over the route.${pending ? ` ${pending} are still being calculated.` : ""}`;
  }
  const { mean, max, p95, valid_share, reason, unit, rules } = shown.profile;
  const share = `${formatShare(valid_share)} of the length has a value.`;
  const by = rules.length ? ` Quality rules leave out: ${rules.join(", ")}.` : "";
  if (mean === null) return `${share} ${reason ?? "No mean is given."}${by}`;
  const further = p95 === null || max === null ? "" : `, 95th percentile ${formatValue(p95)}, largest ${formatValue(max)}`;
  return `Mean over the length ${formatValue(mean)}${further} ${formatUnit(unit)}`.trimEnd() + `. ${share}${by}`;
}

function drawPieces({ segments, unit }: Profile): HTMLTableElement {
  const titles = ["From", "Length", formatUnit(unit) ? `Value, ${formatUnit(unit)}` : "Value", "Place"];
  const head = build("thead", "", build("tr", "", ...titles.map((title) => build("th", "", title))));
  const rows = segments.slice(0, MOST_ROWS).map((segment) => {
    const value = segment.value === null ? whyNone(segment) : formatValue(segment.value);
    const cells = [formatDistance(segment.length_m), value, formatPlace(segment.lon, segment.lat)].map((text) => build("td", "", text));
    return build("tr", "", build("th", "", formatDistance(segment.start_m)), ...cells);
  });
  const rest = segments.length - rows.length;
  if (rest > 0) rows.push(build("tr", "", build("td", "", `and ${rest} more in the CSV`)));
  return build("table", "numbers", head, build("tbody", "", ...rows));
}
