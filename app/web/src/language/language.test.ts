import { expect, test } from "vitest";
import html from "../../index.html?raw";
import { fill, preferred } from "./language";
import { LANGUAGES, MESSAGES, type Language, type Message } from "./messages";

const languages = Object.keys(LANGUAGES) as Language[];
const names = Object.keys(MESSAGES.en) as Message[];
const values = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();

test.each(languages)("every message is there in %s, with the same values", (language) => {
  expect(Object.keys(MESSAGES[language]).sort()).toEqual([...names].sort());
  for (const name of names) {
    expect(MESSAGES[language][name].trim(), name).not.toBe("");
    expect(values(MESSAGES[language][name]), name).toEqual(values(MESSAGES.en[name]));
  }
});

/** Words that both languages have, and texts of values alone. */
const ALIKE = ["zones.title", "zones.zone", "parcels.value", "fact.since.told", "zones.count", "zones.count.one"];

test("French is not English left over", () => {
  expect(names.filter((name) => MESSAGES.fr[name] === MESSAGES.en[name]).sort()).toEqual([...ALIKE].sort());
});

test("index.html names messages that there are, and has them in English", () => {
  const named = [...html.matchAll(/data-message="([^"]+)">([^<]*)</g)].map(([, name, text]) => [name, text]);
  expect(named.length).toBeGreaterThan(3);
  for (const [name, text] of named) expect(MESSAGES.en[name as Message], name).toBe(text);
});

test("parts that are translated have no text of their own", () => {
  for (const id of ["parcels", "zones"]) {
    const part = new RegExp(`<details id="${id}"[\\s\\S]*?</details>`).exec(html)![0];
    const texts = part.replaceAll(/data-message="[^"]+">[^<]*</g, "><").replaceAll(/<[^>]*>/g, "").trim();
    expect(texts).toBe("");
  }
});

test.each([
  [null, ["fr-CA", "en"], "fr"],
  [null, ["de", "en-US"], "en"],
  [null, ["sw"], "en"],
  ["en", ["fr"], "en"],
  ["tlh", ["fr"], "fr"],
] as const)("of %s and %s the page speaks %s", (chosen, wanted, spoken) => {
  expect(preferred(chosen, wanted)).toBe(spoken);
});

test("values stand where they are named", () => {
  expect(fill("{a} of {b}, {a}", { a: 1, b: "two" })).toBe("1 of two, 1");
});
