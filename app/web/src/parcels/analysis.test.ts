import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { chooseLanguage } from "../language/language";
import { facts, headline, sentences, type ParcelAnalysis } from "./analysis";

const USUAL: ParcelAnalysis = {
  period: "2024-07",
  verdict: { level: "usual", direction: null, basis: "history", is_confirmed: false },
  value: 0.62,
  valid_fraction: 0.93,
  history: { years: 5, mean: 0.64, std: 0.041, z: -0.49 },
  monitoring: null,
  neighbours: { count: 12, median: 0.6, percentile: 58.3, z: 0.4 },
  not_computable: [{ part: "monitoring" }],
  options: { seen: 0.5, minimum_years: 4, within_m: 5000 },
  zone: null,
};

const LOW: ParcelAnalysis = {
  ...USUAL,
  verdict: { level: "strong", direction: "low", basis: "history", is_confirmed: true },
  history: { years: 5, mean: 0.7, std: 0.02, z: -3.44 },
  neighbours: { ...USUAL.neighbours!, z: -2.1 },
  monitoring: { alarm: { onset: "2024-05", magnitude: -0.12 } },
  not_computable: [],
};

beforeEach(() => vi.stubGlobal("localStorage", { setItem: () => undefined }));
afterEach(() => {
  chooseLanguage("en");
  vi.unstubAllGlobals();
});

test("what is usual says how near it is", () => {
  expect(headline(USUAL)).toBe("Usual");
  expect(sentences(USUAL)).toEqual(["0.5 standard deviations below the mean of the same season in earlier years."]);
});

test("what is unusual says whether neighbours are alike, how sure that is, and that no cause is known", () => {
  expect(headline(LOW)).toBe("Strongly low");
  expect(sentences(LOW)).toEqual([
    "3.4 standard deviations below the mean of the same season in earlier years.",
    "It stands out among its neighbours in the same way.",
    "At least two values in a row, or the series as a whole, say so.",
    "An index says that something is unusual, not what causes it.",
  ]);
  const alone = { ...LOW, neighbours: { ...LOW.neighbours!, z: -0.3 } };
  expect(sentences(alone)[1]).toContain("does not stand out");
});

test("a drift is told by its direction, and what cannot be told by the reason", () => {
  const drift: ParcelAnalysis = { ...USUAL, verdict: { level: "drifting", direction: "high", basis: "history", is_confirmed: false } };
  expect(headline(drift)).toBe("Drifting up");
  expect(sentences(drift)[0]).toContain("together are higher");
  const unknown = { ...USUAL, verdict: { level: "unknown", direction: null, basis: null, is_confirmed: false } } as const;
  expect(sentences(unknown)[0]).toContain("too few earlier years");
  expect(sentences({ ...unknown, value: null })[0]).toContain("not seen well enough");
});

test("numbers stand under their names", () => {
  expect(facts(LOW)).toEqual([
    ["Period", "July 2024"],
    ["Value", "0.620"],
    ["Seen", "93%"],
    ["Earlier years", "0.700 ± 0.020 (5 years)"],
    ["Neighbours", "Median 0.600 of 12; 58 % are lower"],
    ["Changed since", "May 2024 (−0.120)"],
  ]);
  expect(facts(USUAL).at(-1)).toEqual(["Not computed", "Lasting change: too few values have enough earlier years."]);
});

test("what was not computed says why", () => {
  const unseen: ParcelAnalysis = { ...USUAL, value: null, history: null, neighbours: null, not_computable: [{ part: "value" }, { part: "neighbours" }] };
  expect(facts(unseen).slice(2)).toEqual([
    ["Not computed", "Value: 93% of the parcel was seen, and at least 50% is needed."],
    ["Not computed", "Neighbours: the period has no value."],
  ]);
});

test("French has its own words, decimal marks and months", () => {
  chooseLanguage("fr");
  expect(headline(LOW)).toBe("Très basse");
  expect(sentences(LOW)[0]).toBe("3,4 écarts-types au-dessous de la moyenne de la même saison des années précédentes.");
  expect(facts(LOW)[0]).toEqual(["Période", "juillet 2024"]);
  expect(facts(LOW)[5]).toEqual(["Changée depuis", "mai 2024 (−0,120)"]);
});
