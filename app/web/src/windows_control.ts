/** Choosing the windows that come before the tested one, and saying in words which were used. */

import type { ProductDetail, TileJSON, Windows } from "./api";
import { build, element } from "./dom";
import { byTime, periodLabel, windowLabel } from "./periods";

export class WindowsControl {
  readonly #block = element("windows-block", HTMLDivElement);
  readonly #rows = element("windows", HTMLDivElement);
  readonly #summary = element("windows-summary", HTMLParagraphElement);
  readonly #choose: (windows: Windows) => void;
  readonly #lists = new Map<string, HTMLSelectElement>();

  constructor(choose: (windows: Windows) => void) {
    this.#choose = choose;
  }

  /** Offer the periods of the layer's collection for each window that may be chosen, and select `windows`. */
  setOptions({ roles, windows: names }: ProductDetail, periods: readonly string[], windows: Windows): void {
    const earlier = names.slice(1).filter((role) => roles[role]!.minimum_years === null);
    this.#block.hidden = names.length === 0;
    this.#summary.textContent = "";
    this.#lists.clear();
    const rows = earlier.map((role) => {
      const list = build("select", "");
      list.id = `window-${role}`;
      const given = windows[role];
      const choices = given && !periods.includes(given) ? [...periods, given] : periods;
      list.append(new Option("Automatic", ""), ...choices.map((each) => new Option(periodLabel(each), each)));
      list.addEventListener("change", () => this.#choose(this.#chosen()));
      this.#lists.set(role, list);
      const label = build("label", "label", roles[role]!.title);
      label.htmlFor = list.id;
      return build("div", "window-row", build("div", "label-row", label), build("div", "select", list));
    });
    this.#rows.replaceChildren(...rows);
    this.select(windows);
  }

  select(windows: Windows): void {
    for (const [role, list] of this.#lists) list.value = windows[role] ?? "";
  }

  /** Say what the server took, and why. */
  describe({ windows }: TileJSON): void {
    for (const [role, list] of this.#lists) {
      const used = windows?.[role];
      if (used) list.options[0]!.textContent = list.value ? "Automatic" : `Automatic: ${windowLabel(used)}`;
    }
    const sentences = byTime(windows).map((used) => {
      const why = used.how === "as asked" || used.how === "latest period" ? "" : ` (${used.how})`;
      return `${used.title}: ${windowLabel(used)}${why}.`;
    });
    this.#summary.textContent = sentences.join(" ");
  }

  /** Windows that cannot be compared are explained elsewhere. */
  clearDescription(): void {
    this.#summary.textContent = "";
  }

  #chosen(): Windows {
    return Object.fromEntries([...this.#lists].map(([role, list]) => [role, list.value]).filter(([, text]) => text));
  }
}
