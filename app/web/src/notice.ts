/** One notice at a time, in the reader's words, with what can be done about it. */

import { element } from "./dom";

export class Notice {
  readonly #box = element("notice", HTMLDivElement);
  readonly #text = element("notice-text", HTMLParagraphElement);
  readonly #button = element("notice-action", HTMLButtonElement);
  #action: () => void = () => {};

  constructor() {
    this.#button.addEventListener("click", () => {
      this.clear();
      this.#action();
    });
  }

  /** Say `text` and offer `action` under the name `label`. */
  show(text: string, action: () => void, label = "Try again", tone: "error" | "hint" = "error"): void {
    this.#box.dataset["tone"] = tone;
    this.#action = action;
    this.#text.textContent = text;
    this.#button.textContent = label;
    this.#box.hidden = false;
  }

  clear(): void {
    this.#box.hidden = true;
  }

  get shown(): boolean {
    return !this.#box.hidden;
  }
}
