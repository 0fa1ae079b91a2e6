/** A box that a button opens below the period, and that closes when the reader turns to something else. */

import { element } from "./dom";

export class Popup {
  readonly #opener: HTMLButtonElement;
  readonly #box: HTMLDivElement;

  /** `opened` draws what is in it, and takes the focus. */
  constructor(opener: string, box: string, opened: () => void) {
    this.#opener = element(opener, HTMLButtonElement);
    this.#box = element(box, HTMLDivElement);
    this.#opener.addEventListener("click", () => {
      if (this.isOpen) return this.close();
      this.#show(true);
      opened();
      this.#box.scrollIntoView({ block: "nearest" });
    });
    this.#box.addEventListener("keydown", (event) => this.#escaped(event));
    document.addEventListener("pointerdown", ({ target }) => this.#pointed(target as Node));
    this.#box.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && this.#pointed(relatedTarget as Node));
  }

  get isOpen(): boolean {
    return !this.#box.hidden;
  }

  /** Offer the button, or not; the box is closed. */
  offer(isOffered: boolean): void {
    this.#opener.hidden = !isOffered;
    this.close();
  }

  close(): void {
    this.#show(false);
  }

  /** Close it, and go back to where it was opened. */
  leave(): void {
    this.close();
    this.#opener.focus();
  }

  #show(isOpen: boolean): void {
    this.#box.hidden = !isOpen;
    this.#opener.setAttribute("aria-expanded", String(isOpen));
  }

  #escaped(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.stopPropagation(); // it closes no more than this
    this.leave();
  }

  /** Something else is pointed at or has the focus. */
  #pointed(target: Node): void {
    if (this.isOpen && target.isConnected && !this.#box.contains(target) && !this.#opener.contains(target)) this.close();
  }
}
