/** The reader's language: that of the browser, or the one chosen; for texts, numbers, shares and periods. */

import { periodLabel } from "../periods";
import { LANGUAGES, MESSAGES, type Language, type Message } from "./messages";

export type { Language, Message } from "./messages";

/** Kept from visit to visit, once the reader has chosen. */
const CHOICE = "tilewatch-language";

const LOCALES: Readonly<Record<Language, string>> = { en: "en-GB", fr: "fr-FR" };

let current = preferred(stored(), globalThis.navigator?.languages ?? []); // Node has no languages
const listeners: (() => void)[] = [];

/** The first language of the reader's that the page speaks. */
export function preferred(chosen: string | null, wanted: readonly string[]): Language {
  const spoken = [chosen, ...wanted.map((name) => name.toLowerCase().split("-")[0])];
  return spoken.find((name): name is Language => name !== undefined && name !== null && name in LANGUAGES) ?? "en";
}

export function language(): Language {
  return current;
}

export function chooseLanguage(chosen: Language): void {
  current = chosen;
  try {
    localStorage.setItem(CHOICE, chosen);
  } catch (error) {
    console.warn("The choice of language ends with this visit.", error);
  }
  for (const listen of listeners) listen();
}

/** Be told when another language is chosen. */
export function onLanguage(listen: () => void): void {
  listeners.push(listen);
}

/** A message with its values. */
export function tell(message: Message, values: Readonly<Record<string, string | number>> = {}): string {
  return fill(MESSAGES[current][message], values);
}

export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}

/** Write the messages that elements of a part name: as their text, or as their label. */
export function translate(part: HTMLElement): void {
  part.lang = current;
  for (const each of part.querySelectorAll<HTMLElement>("[data-message]")) each.textContent = tell(each.dataset["message"] as Message);
  for (const each of part.querySelectorAll<HTMLElement>("[data-label]")) each.setAttribute("aria-label", tell(each.dataset["label"] as Message));
}

/** A number with so many decimals, or about four digits that mean something. */
export function toldNumber(value: number, decimals?: number): string {
  const size = Math.abs(value);
  if (decimals === undefined && size !== 0 && (size >= 1e6 || size < 5e-4)) return minus(value.toExponential(2).replace(".", decimalMark()));
  const digits = decimals ?? (size < 10 ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0);
  return minus(new Intl.NumberFormat(LOCALES[current], { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value));
}

export function toldShare(share: number): string {
  return new Intl.NumberFormat(LOCALES[current], { style: "percent", maximumFractionDigits: 0 }).format(share);
}

export function toldPeriod(period: string): string {
  return periodLabel(period, LOCALES[current]);
}

function decimalMark(): string {
  return current === "fr" ? "," : ".";
}

function minus(text: string): string {
  return text.replace("-", "−");
}

function stored(): string | null {
  try {
    return localStorage.getItem(CHOICE);
  } catch {
    return null; // a browser that keeps nothing
  }
}
