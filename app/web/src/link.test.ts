import { expect, test } from "vitest";
import { readLink, writeLink, type Link } from "./link";

const HASH =
  "#product=dnbr&period=2024-07&pre=2024-05&swipe=pre&view=10.50/40.4000/-99.0000" +
  "&at=40.48765/-98.98765&area=-99.05,40.46;-98.93,40.46;-98.93,40.53&route=-99,40;-98,41" +
  "&areas=lit_share&areas-change=1&areas-kind=district%20%26%20town&parcels=1&zones=1";

const LINK: Link = {
  product: "dnbr",
  period: "2024-07",
  windows: { pre: "2024-05" },
  view: { zoom: 10.5, lat: 40.4, lng: -99 },
  at: { lat: 40.48765, lng: -98.98765 },
  area: "-99.05,40.46;-98.93,40.46;-98.93,40.53",
  route: "-99,40;-98,41",
  swipe: "pre",
  areas: { value: "lit_share", isChange: true, kind: "district & town" },
  parcels: true,
  zones: true,
};

const NOTHING: Link = { product: null, period: null, windows: {}, view: null, at: null, area: null, route: null, swipe: null, areas: null, parcels: false, zones: false };

test("a link carries the layer, its times, the view, the place, the area, the route, the swipe and what is on the map", () => {
  expect(readLink(HASH)).toEqual(LINK);
  expect(writeLink(LINK)).toBe(HASH);
});

test("an address without a link names nothing", () => {
  expect(readLink("")).toEqual(NOTHING);
  expect(writeLink(NOTHING)).toBe("#");
});

test.each(["view=3/91/0", "view=3/0", "view=a/b/c", "at=1", "at=0/361", "pre=now", "post=2024-07", "areas=a%26b", "areas-kind=district"])("%s is passed over", (field) => {
  expect(readLink(`#${field}`)).toEqual(NOTHING);
});

test("the id of a layer is escaped", () => {
  expect(writeLink({ ...NOTHING, product: "a&b=c" })).toBe("#product=a%26b%3Dc");
  expect(readLink("#product=a%26b%3Dc").product).toBe("a&b=c");
});
