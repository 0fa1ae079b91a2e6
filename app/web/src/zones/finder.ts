/** The form that has zones found in the part of the map that is seen, and how far that has come. */

import type { Map as MapLibreMap } from "maplibre-gl";
import type { Bbox, ProductDetail, When } from "../api";
import { build, element } from "../dom";
import { errorMessage } from "../errors";
import { isKeyNeeded, keyForm } from "../key_form";
import { onLanguage, tell, toldShare } from "../language/language";
import { inView } from "../map";
import { bodyOf, cancelSearch, follow, isAnomaly, isSearched, startSearch, type Job } from "./search";

const WORLD: Bbox = [-180, -90, 180, 90];

export class Finder {
  readonly #form = element("find", HTMLFormElement);
  readonly #layer = element("find-layer", HTMLParagraphElement);
  readonly #low = element("find-low", HTMLInputElement);
  readonly #high = element("find-high", HTMLInputElement);
  readonly #cells = element("find-cells", HTMLInputElement);
  readonly #start = element("find-start", HTMLButtonElement);
  readonly #cancel = element("find-cancel", HTMLButtonElement);
  readonly #note = element("find-note", HTMLDivElement);
  readonly #map: MapLibreMap;
  readonly #found: () => void;
  #product: ProductDetail | null = null;
  #when: When | null = null;
  #job: Job | null = null;
  #error: unknown = null;
  #following = new AbortController();

  /** `found`: there may be other zones now. */
  constructor(map: MapLibreMap, found: () => void) {
    this.#map = map;
    this.#found = found;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#search();
    });
    this.#cancel.addEventListener("click", () => void this.#stop());
    onLanguage(() => this.#show());
  }

  /** The map shows this layer and time; of standard deviations three are strong. */
  setLayer(product: ProductDetail, when: When): void {
    if (product.id !== this.#product?.id) {
      [this.#low.value, this.#high.value] = isAnomaly(product) ? ["-3", "3"] : ["", ""];
    }
    this.#product = product;
    this.#when = when;
    this.#form.hidden = !isSearched(product);
    this.#show();
  }

  async #search(): Promise<void> {
    const [product, when] = [this.#product, this.#when];
    if (!product || !when) return;
    const wish = { low: numberOf(this.#low), high: numberOf(this.#high), cells: Number(this.#cells.value) };
    if (wish.low === null && wish.high === null) return this.#low.focus();
    this.#following.abort();
    const { signal } = (this.#following = new AbortController());
    this.#error = null;
    try {
      const job = await startSearch(bodyOf(product.id, when, inView(this.#map) ?? WORLD, wish));
      for await (const state of follow(job, signal)) {
        this.#job = state;
        this.#show();
      }
      if (!signal.aborted) this.#found();
    } catch (error) {
      if (signal.aborted) return;
      this.#error = error;
      this.#show();
    }
  }

  async #stop(): Promise<void> {
    try {
      if (this.#job) await cancelSearch(this.#job.id);
    } catch (error) {
      this.#error = error;
      this.#show();
    }
  }

  #show(): void {
    this.#layer.textContent = this.#product ? tell("find.layer", { layer: this.#product.title }) : "";
    const isRunning = this.#job?.status === "queued" || this.#job?.status === "running";
    this.#start.disabled = isRunning;
    this.#cancel.hidden = !isRunning;
    const text = build("p", "area-hint", this.#error === null ? told(this.#job) : errorMessage(this.#error));
    text.dataset["tone"] = this.#error === null && this.#job?.status !== "failed" ? "" : "error";
    this.#note.replaceChildren(...(text.textContent ? [text] : []));
    if (isKeyNeeded(this.#error)) this.#note.append(keyForm(() => void this.#search()));
  }
}

/** What is to be said of a job. */
function told(job: Job | null): string {
  if (!job) return "";
  if (job.status === "running" || job.status === "queued") {
    const share = job.progress?.fraction ?? null;
    return share === null ? tell("find.waiting") : tell("find.running", { share: toldShare(share) });
  }
  return job.status === "failed" ? tell("find.failed", { reason: job.error ?? "?" }) : tell(job.status === "done" ? "find.done" : "find.cancelled");
}

function numberOf(field: HTMLInputElement): number | null {
  return field.value.trim() === "" ? null : Number(field.value);
}
