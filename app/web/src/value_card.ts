/** The card of a chosen place: the value there, or why there is none. */

import { type Legend, type PointAnswer, type PointWindow } from "./api";
import { build, element } from "./dom";
import { errorMessage } from "./errors";
import { swatch } from "./legend";
import { formatPlace, formatUnit, formatValue } from "./numbers";
import { byTime, periodLabel, windowLabel } from "./periods";

/** Longer lists of scenes end in "and 4 more". */
const MOST_SCENES = 3;

const ABSENCE: Record<Exclude<PointAnswer["state"], "ok">, readonly [title: string, reason: string]> = {
  nodata: ["No data", "The scenes have no value at this point."],
  unreadable: ["Unreadable", "A file of the scenes at this point cannot be read."],
  masked: ["Masked", "This point is masked out in this layer."],
  outside: ["Outside coverage", "No scene covers this point."],
  outside_zone: ["Outside the zone", "This layer does not apply here."],
};

export class ValueCard {
  readonly #card = element("value", HTMLElement);
  readonly #announcer = element("announcer", HTMLParagraphElement);
  readonly #close: () => void;

  constructor(close: () => void) {
    this.#close = close;
  }

  showLoading(): void {
    if (this.#card.hidden) this.#fill(build("p", "value-wait", "Loading the value…"));
    this.#card.setAttribute("aria-busy", "true");
  }

  show(answer: PointAnswer, legend: Legend): void {
    const windows = byTime(answer.windows);
    const period = answer.period && !windows.length ? periodLabel(answer.period) : "";
    const parts = answer.state === "ok" ? present(answer, legend) : absent(answer);
    const facts = build("p", "value-facts", ...spaced(period, formatPlace(answer.lon, answer.lat)));
    if (answer.synthetic) facts.append(build("span", "badge", "Synthetic"));
    const times = windows.map(timeOf);
    this.#fill(...parts, ...(times.length ? [build("dl", "value-windows", ...times.flat())] : []), facts, ...scenes(answer.scenes));
    this.#card.dataset["state"] = answer.state;
    const said = times.map((time) => time.map(({ textContent }) => textContent).join(" "));
    this.#announcer.textContent = [...parts.map(({ textContent }) => textContent), ...said, period].filter(Boolean).join(", ");
  }

  showError(error: unknown): void {
    const text = errorMessage(error);
    this.#fill(build("p", "value-title", "Value unavailable"), build("p", "value-reason", text));
    this.#announcer.textContent = text;
  }

  hide(): void {
    this.#card.hidden = true;
    this.#announcer.textContent = "";
  }

  #fill(...parts: HTMLElement[]): void {
    const close = build("button", "value-close", "×");
    close.type = "button";
    close.setAttribute("aria-label", "Close value");
    close.addEventListener("click", this.#close);
    this.#card.replaceChildren(close, ...parts);
    this.#card.removeAttribute("aria-busy");
    this.#card.hidden = false;
    delete this.#card.dataset["state"];
  }
}

function present(answer: PointAnswer, legend: Legend): HTMLElement[] {
  if (legend.kind === "rgb" && answer.values) {
    const bands = answer.values.map((value, index) => {
      const name = ["Red", "Green", "Blue"][index] ?? "";
      return build("span", "value-band", build("small", "", name), value === null ? "–" : formatValue(value));
    });
    return [build("p", "value-bands", ...bands)];
  }
  if (answer.value === null) return absent(answer);
  const number = build("p", "value-number", build("strong", "", formatValue(answer.value)));
  const unit = formatUnit(answer.unit);
  if (unit) number.append(" ", build("span", "value-unit", unit));
  const doubt = answer.suspect ? [build("p", "value-doubt", "Outside the plausible range for this layer.")] : [];
  if (!answer.class) return [number, ...doubt];
  const color = legend.entries.find((entry) => entry.label === answer.class)?.color;
  return [number, build("p", "value-class", ...(color ? [swatch(color)] : []), answer.class), ...doubt];
}

/** The window of one role. */
function timeOf(window: PointWindow): HTMLElement[] {
  return [build("dt", "", window.title), build("dd", "", windowLabel(window))];
}

function absent({ state, reason, windows }: PointAnswer): HTMLElement[] {
  const [title, plain] = ABSENCE[state === "ok" ? "nodata" : state];
  // The title has said what stands before the colon; of windows, that is the name of one.
  const rest = (windows ? reason : reason?.replace(/^[^:]+: /, "")) ?? plain;
  return [build("p", "value-title", title), build("p", "value-reason", rest.charAt(0).toUpperCase() + rest.slice(1))];
}

function scenes(ids: readonly string[]): HTMLElement[] {
  if (!ids.length) return [];
  const rest = ids.length - MOST_SCENES;
  const shown = ids.slice(0, MOST_SCENES).join(", ");
  return [build("p", "value-scenes", ids.length > 1 ? "Scenes " : "Scene ", rest > 0 ? `${shown} and ${rest} more` : shown)];
}

function spaced(...texts: string[]): HTMLElement[] {
  return texts.filter(Boolean).map((text) => build("span", "", text));
}
