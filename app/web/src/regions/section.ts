/** The part of the panel about regions: how old each is, and of one its windows, its status and what went wrong. */

import type { Region } from "../api";
import { build, button, element } from "../dom";
import { swatch } from "../legend";
import { formatShare } from "../numbers";
import { periodLabel } from "../periods";
import { AGES, NO_AGE, ageColor, whenOf } from "./region";

export interface SectionEvents {
  readonly outlines: (areShown: boolean) => void;
  /** "" where none is chosen any more. */
  readonly choose: (name: string) => void;
  readonly open: (region: Region) => void;
  readonly count: (region: Region) => void;
}

const STATUS: Record<Region["last_status"], string> = {
  done: "Last refresh succeeded",
  empty: "Last refresh found no scenes",
  failed: "Last refresh failed",
  running: "Refreshing now",
  never: "Not refreshed yet",
  unknown: "Unknown: refreshes are only recorded with a database",
};

export class RegionSection {
  readonly #block = element("regions", HTMLDetailsElement);
  readonly #note = element("regions-note", HTMLSpanElement);
  readonly #list = element("region-list", HTMLUListElement);
  readonly #events: SectionEvents;
  #regions: readonly Region[] = [];
  #chosen = "";

  constructor(events: SectionEvents) {
    this.#events = events;
    const shown = element("regions-shown", HTMLInputElement);
    shown.addEventListener("change", () => events.outlines(shown.checked));
    const shades = [...AGES, NO_AGE].map(({ label, color }) => build("li", "key-row", swatch(color), label));
    element("region-ages", HTMLUListElement).replaceChildren(...shades);
  }

  /** Show these regions; without any, nothing. */
  setRegions(regions: readonly Region[]): void {
    this.#regions = regions;
    this.#block.hidden = regions.length === 0;
    const late = regions.filter((region) => region.is_late || region.last_status === "failed").length;
    this.#note.textContent = late ? `${regions.length} (${late} late or failed)` : String(regions.length);
    this.#draw();
  }

  /** Open one among them, and bring it into view. */
  open(name: string): void {
    if (this.#chosen === name && this.#block.open) return;
    this.#block.open = true;
    this.#chosen = name;
    this.#draw();
    this.#list.querySelector("[aria-expanded=true]")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.#list.querySelector(".region-facts")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  #draw(): void {
    this.#list.replaceChildren(...this.#regions.map((region) => this.#row(region)));
  }

  #row(region: Region): HTMLLIElement {
    const name = region.region_name;
    const isOpen = name === this.#chosen;
    const head = build("button", "found-row region-row", swatch(ageColor(region)), build("span", "found-name", name), build("span", "count", age(region)));
    head.type = "button";
    head.setAttribute("aria-expanded", String(isOpen));
    head.addEventListener("click", () => {
      this.#chosen = isOpen ? "" : name;
      this.#draw();
      this.#list.querySelectorAll("button.region-row").forEach((each, index) => {
        if (this.#regions[index] === region) (each as HTMLButtonElement).focus();
      });
      this.#events.choose(this.#chosen);
    });
    return build("li", "", head, ...(isOpen ? [this.#details(region)] : []));
  }

  #details(region: Region): HTMLElement {
    const facts = build("dl", "facts");
    const add = (title: string, text: string): void => void facts.append(build("dt", "", title), build("dd", "", text));
    add("Last update", region.generated_at ? `${when(region.generated_at)} (${age(region)})` : "None yet");
    const windows = whenOf(region);
    if (windows) {
      const basis = region.pre_basis === "just-before" ? " (just before, because there is no data from a year earlier)" : "";
      add("Before", periodLabel(windows.windows["pre"]!) + basis);
      add("After", periodLabel(windows.period));
    }
    add("Status", STATUS[region.last_status] + (region.is_late ? " (overdue)" : ""));
    if (region.last_run_at && region.last_status !== "done") add("Last attempt", when(region.last_run_at));
    if (region.partial) add("Partial", refusedOf(region.partial));
    if (region.error) add("Error", region.error);
    if (region.changed.length) add("Changed", `${region.changed.join(", ")}; due at once`);
    if (region.due) add("Next due", periodLabel(region.due));
    add("Refreshed", region.update_interval_days === 1 ? "every night" : `every ${region.update_interval_days} nights`);
    if (region.covered_fraction !== null) add("Coverage", formatShare(region.covered_fraction));
    const tools = build("div", "tools");
    if (windows) tools.append(button("Show layer", () => this.#events.open(region)), button("Hectares by class", () => this.#events.count(region)));
    const details = build("div", "region-facts", facts, tools);
    details.setAttribute("role", "group");
    details.setAttribute("aria-label", `Region ${region.region_name}`);
    return details;
  }
}

function refusedOf({ scenes_refused, scenes_landed, scenes_found }: NonNullable<Region["partial"]>): string {
  return `${scenes_refused} of ${scenes_refused + scenes_landed + scenes_found} scenes were refused`;
}

function age({ age_days }: Region): string {
  if (age_days === null) return "not updated yet";
  if (age_days < 1) return "today";
  const days = Math.floor(age_days);
  return `${days} ${days === 1 ? "day" : "days"} old`;
}

/** A moment to the minute, as a period is written. */
function when(moment: string): string {
  return `${periodLabel(moment.slice(0, 10))}, ${moment.slice(11, 16)} UTC`;
}
