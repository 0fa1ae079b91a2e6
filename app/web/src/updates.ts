/** Updates: what has landed since the page was opened, asked for while it is looked at. */

import * as api from "./api";

/** A new month shows within half a minute, without a reload. */
const EVERY_MS = 30_000;

export interface UpdateEvents {
  /** Layers have other periods; those `filled` had none before. */
  readonly changed: (products: readonly api.ProductSummary[], filled: readonly api.ProductSummary[]) => Promise<void>;
  /** Whatever else may have changed is to be asked for. */
  readonly unchanged: () => Promise<void>;
}

export class Updates {
  readonly #events: UpdateEvents;
  #known: readonly api.ProductSummary[] | null = null;

  constructor(events: UpdateEvents) {
    this.#events = events;
    window.setInterval(() => void this.#poll(), EVERY_MS);
    document.addEventListener("visibilitychange", () => void this.#poll());
  }

  /** What the page has already shown. */
  setKnown(products: readonly api.ProductSummary[]): void {
    this.#known = products;
  }

  async #poll(): Promise<void> {
    if (document.hidden || !this.#known) return;
    try {
      const products = await api.products();
      const had = new Map(this.#known.map(({ id, periods }) => [id, periods.count]));
      const isNew = JSON.stringify(products) !== JSON.stringify(this.#known);
      this.#known = products;
      const filled = products.filter(({ id, periods }) => periods.count > 0 && !had.get(id));
      if (isNew) await this.#events.changed(products, filled);
      else await this.#events.unchanged();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      console.info("No updates:", error.message); // the next time brings them
    }
  }
}
