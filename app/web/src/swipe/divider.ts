/** The line between two pictures: dragged by mouse or finger, or moved by the arrow keys. */

import { element } from "../dom";

/** Percent of the width a key moves it. */
const STEP = 2;
const LEAP = 10;

export class Divider {
  readonly #line = element("divider", HTMLDivElement);
  readonly #moved: (share: number) => void;
  #percent = 50;

  /** `moved` is told the share of the seen part of the map that lies left of the line, 0 to 1. */
  constructor(moved: (share: number) => void) {
    this.#moved = moved;
    this.#line.addEventListener("keydown", (event) => this.#key(event));
    this.#line.addEventListener("pointerdown", (event) => {
      this.#line.setPointerCapture(event.pointerId);
      event.stopPropagation();
    });
    this.#line.addEventListener("pointermove", (event) => {
      if (!this.#line.hasPointerCapture(event.pointerId)) return;
      const { left, width } = this.#line.parentElement!.getBoundingClientRect();
      this.#stand((100 * (event.clientX - left)) / width);
    });
  }

  /** Offer the line between two pictures, where it stood last. */
  show(left: string, right: string): void {
    this.#line.parentElement!.hidden = false;
    element("swipe-left", HTMLSpanElement).textContent = left;
    element("swipe-right", HTMLSpanElement).textContent = right;
    this.#line.setAttribute("aria-label", `Divider: ${left} on the left, ${right} on the right`);
    this.#stand(this.#percent);
  }

  hide(): void {
    this.#line.parentElement!.hidden = true;
  }

  #stand(percent: number): void {
    this.#percent = Math.min(100, Math.max(0, percent));
    this.#line.style.setProperty("--share", String(this.#percent / 100));
    this.#line.setAttribute("aria-valuenow", String(Math.round(this.#percent)));
    this.#moved(this.#percent / 100);
  }

  #key(event: KeyboardEvent): void {
    const steps: Record<string, number> = {
      ArrowLeft: this.#percent - STEP,
      ArrowRight: this.#percent + STEP,
      PageDown: this.#percent - LEAP,
      PageUp: this.#percent + LEAP,
      Home: 0,
      End: 100,
    };
    const wanted = steps[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#stand(wanted);
  }
}
