import { afterEach, expect, test, vi } from "vitest";
import type { Entry } from "../api";
import { bandOf, readSeries } from "./series";
import { entry, layer, SQUARE } from "./series.fixture";

const SPAN = { first: "2024-01", last: "2024-02", step: null };

afterEach(() => vi.unstubAllGlobals());

test("the band is that of the percentiles, or else of all there is", () => {
  expect(bandOf(entry("2024", { min: 0, max: 10, percentiles: { p2: 1, p98: 9 } }))).toEqual([1, 9]);
  expect(bandOf(entry("2024", { min: 0, max: 10 }))).toEqual([0, 10]);
  expect(bandOf(entry("2024"))).toBeNull();
});

/** Answers requests in turn with these, and keeps their addresses. */
function serve(...answers: readonly Response[]): string[] {
  const asked: string[] = [];
  const rest = [...answers];
  vi.stubGlobal("document", { baseURI: "http://tiles.test/map/" });
  vi.stubGlobal("sessionStorage", { getItem: () => null });
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return rest.shift()!;
  });
  return asked;
}

async function read(id: string | null): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const each of readSeries(layer(), { ...SQUARE, id }, SPAN, new AbortController().signal)) found.push(each);
  return found;
}

test("entries are read as they come, wherever the answer is cut", async () => {
  const [january, february] = [entry("2024-01", { mean: 0.5 }), entry("2024-02", { mean: 0.25 })];
  const text = `${JSON.stringify(january)}\n${JSON.stringify(february)}\n`;
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < text.length; at += 100) controller.enqueue(new TextEncoder().encode(text.slice(at, at + 100)));
      controller.close();
    },
  });
  const asked = serve(new Response(body));
  expect(await read(null)).toEqual([january, february]);
  expect(asked).toEqual(["http://tiles.test/map/products/ndvi/statistics?datetime=2024-01/2024-02"]);
});

test("a line that tells what went wrong is an error in its words", async () => {
  serve(new Response('{"detail": "storage does not answer"}\n'));
  await expect(read(null)).rejects.toThrow("Storage does not answer.");
});

test("the series of a saved area is taken as it is kept, and calculated where a part of it is missing", async () => {
  const kept = entry("2024-01", { kept: true });
  const asked = serve(Response.json({ series: [kept], pending: 0 }));
  expect(await read("7")).toEqual([kept]);
  expect(asked).toEqual(["http://tiles.test/map/areas/7/timeseries?product=ndvi&start=2024-01&end=2024-02"]);

  const fresh = entry("2024-01");
  serve(Response.json({ series: [kept], pending: 1 }), new Response(JSON.stringify(fresh)));
  expect(await read("7")).toEqual([fresh]);
});

test("without its database the series of a saved area is calculated; other refusals are told", async () => {
  const fresh = entry("2024-01");
  serve(Response.json({ detail: "no database" }, { status: 503 }), new Response(JSON.stringify(fresh)));
  expect(await read("7")).toEqual([fresh]);
  serve(Response.json({ detail: "too large" }, { status: 400 }));
  await expect(read("7")).rejects.toThrow("Too large.");
});
