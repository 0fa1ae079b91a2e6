import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { address, ApiError, get, NO_ANSWER, pinnedQuery, request, sentence, tilejsonPath, tileRequest, timeQuery, xyzPath, type TileJSON } from ".";

beforeEach(() => vi.stubGlobal("document", { baseURI: "http://tiles.test/map/" }));
afterEach(() => vi.unstubAllGlobals());

test.each([
  ["storage does not answer", "Storage does not answer."],
  [" Is it there? ", "Is it there?"],
  ["Done.", "Done."],
])("%j becomes a sentence", (text, told) => {
  expect(sentence(text)).toBe(told);
});

test("addresses stay below the folder of the page, with what is to be filled in", () => {
  expect(address(xyzPath("ndvi", "datetime=2024-06"))).toBe("http://tiles.test/map/tiles/ndvi/{z}/{x}/{y}.png?datetime=2024-06");
  expect(tilejsonPath("a b", "x=1")).toBe("products/a%20b/WebMercatorQuad/tilejson.json?x=1");
});

test("a time is asked for by its period and the windows chosen", () => {
  expect(timeQuery({ period: "2024-07", windows: { pre: "2024-05/2024-06" } })).toBe("datetime=2024-07&pre=2024-05/2024-06");
});

test("an address to share names all windows, and neither the version nor the size of its tiles", () => {
  const tiles = ["products/dnbr/tiles/{z}/{x}/{y}.png?datetime=2024-07&pre=2024-06&v=abc&tilesize=512"];
  expect(pinnedQuery({ tiles } as unknown as TileJSON)).toBe("datetime=2024-07&pre=2024-06");
});

function answer(make: () => Response | Promise<Response>): void {
  vi.stubGlobal("fetch", async () => make());
}

test("a refusal is told in the words of the server, or in our own", async () => {
  answer(() => Response.json({ detail: "no product 'x'" }, { status: 404 }));
  await expect(get("products/x")).rejects.toThrow(new ApiError("No product 'x'.", 404));
  answer(() => new Response("<html>", { status: 503 }));
  await expect(get("products")).rejects.toThrow("The server is busy or cannot reach its storage.");
  answer(() => new Response("", { status: 500 }));
  await expect(get("products")).rejects.toThrow("(error 500)");
});

test("no answer at all is told too, but not to a reader who has gone on", async () => {
  answer(() => Promise.reject(new TypeError("failed to fetch")));
  await expect(get("products")).rejects.toThrow(NO_ANSWER);
  const reason = new Error("another layer");
  answer(() => Promise.reject(reason));
  await expect(get("products", AbortSignal.abort())).rejects.toBe(reason);
});

test("the key goes with what is written or may have an owner, and with nothing else", async () => {
  const sent: (string | null)[] = [];
  vi.stubGlobal("sessionStorage", { getItem: () => "secret" });
  vi.stubGlobal("fetch", async (_: string, options: RequestInit) => {
    sent.push(new Headers(options.headers).get("Authorization"));
    return Response.json({});
  });
  await request("areas", { method: "POST", body: {}, isWriting: true });
  await get("areas?kind=parcel");
  await get("products");
  expect(sent).toEqual(["Bearer secret", "Bearer secret", null]);
  expect(tileRequest("http://tiles.test/map/zones/tiles/1/0/0.pbf").headers).toEqual({ Authorization: "Bearer secret" });
  expect(tileRequest("http://tiles.test/map/tiles/ndvi/1/0/0.png").headers).toBeUndefined();
  expect(tileRequest("http://other.test/zones/tiles/1/0/0.pbf").headers).toBeUndefined();
});

test("a key that is refused is forgotten", async () => {
  const forgotten: string[] = [];
  vi.stubGlobal("sessionStorage", { getItem: () => "wrong", removeItem: (name: string) => forgotten.push(name) });
  answer(() => Response.json({ detail: "not valid" }, { status: 401 }));
  await expect(get("zones")).rejects.toThrow("Not valid.");
  expect(forgotten).toEqual(["tilewatch-key"]);
});
