/** How fresh a layer is, in a sentence beside its period. */

import { ApiError, get, type Freshness, type ProductDetail } from "./api";
import { element } from "./dom";
import { periodLabel } from "./periods";

const NAMES = /\b\d{4}-\d\d(?:-\d\d(?:T\d\d\b(?!:))?)?\b/g;

/** Periods in a sentence of the server's as the page writes them. */
export function withLabels(sentence: string): string {
  return sentence.replace(NAMES, (name) => periodLabel(name));
}

export class FreshnessLine {
  readonly #line = element("freshness", HTMLParagraphElement);
  #collection = "";
  #asking = new AbortController();

  /** Tell of the collection of a layer; of synthetic data, and of a layer without any, there is nothing to tell. */
  setProduct({ collection, periods, synthetic }: ProductDetail): void {
    const isTold = periods.length > 0 && !synthetic;
    if (isTold && collection === this.#collection) return;
    this.#collection = isTold ? collection : "";
    this.#line.textContent = "";
    this.#line.hidden = !isTold; // its room is kept until the answer comes
    void this.refresh();
  }

  async refresh(): Promise<void> {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    if (!this.#collection) return;
    try {
      const { collections } = await get<Freshness>(`freshness?collection=${encodeURIComponent(this.#collection)}`, signal);
      this.#tell(collections[0]);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.#tell(undefined);
    }
  }

  #tell(found: Freshness["collections"][number] | undefined): void {
    this.#line.hidden = !found;
    const text = found ? withLabels(found.says) : "";
    if (text !== this.#line.textContent) this.#line.textContent = text;
    this.#line.dataset["state"] = found?.state ?? "";
  }
}
