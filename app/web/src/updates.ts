/** News: what has landed since the page was opened, asked for while it is looked at. */

import * as api from "./api";

/** A new month shows within half a minute, without a reload. */
const EVERY_MS = 30_000;

export interface NewsEvents {
  /** Layers have other periods; those `begun` had none before. */
  readonly changed: (products: readonly api.ProductSummary[], begun: readonly api.ProductSummary[]) => Promise<void>;
  /** Whatever else may have changed is to be asked for. */
  readonly heard: () => Promise<void>;
}

export class News {
  readonly #events: NewsEvents;
  #known: readonly api.ProductSummary[] | null = null;

  constructor(events: NewsEvents) {
    this.#events = events;
    window.setInterval(() => void this.#ask(), EVERY_MS);
    document.addEventListener("visibilitychange", () => void this.#ask());
  }

  /** What is no news any more. */
  know(products: readonly api.ProductSummary[]): void {
    this.#known = products;
  }

  async #ask(): Promise<void> {
    if (document.hidden || !this.#known) return;
    try {
      const products = await api.products();
      const had = new Map(this.#known.map(({ id, periods }) => [id, periods.count]));
      const isNew = JSON.stringify(products) !== JSON.stringify(this.#known);
      this.#known = products;
      const begun = products.filter(({ id, periods }) => periods.count > 0 && !had.get(id));
      if (isNew) await this.#events.changed(products, begun);
      else await this.#events.heard();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      console.info("No news:", error.message); // the next time brings them
    }
  }
}
