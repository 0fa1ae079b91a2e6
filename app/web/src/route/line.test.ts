import { expect, test } from "vitest";
import { boundsOf, decoded, linkOf, routeOf, routeOfLink, routesIn } from "./line";

test("the polyline of Google's own example", () => {
  expect(decoded("_p~iF~ps|U_ulLnnqC_mqNvxq`@", 5)).toEqual([[-120.2, 38.5], [-120.95, 40.7], [-126.453, 43.252]]);
});

test("the same line with six decimals, as Mapbox's library encodes it", () => {
  expect(decoded("_izlhA~rlgdF_{geC~ywl@_kwzCn`{nI", 6)).toEqual([[-120.2, 38.5], [-120.95, 40.7], [-126.453, 43.252]]);
});

test.each(["", "hello world", "_p~iF~ps|U", "_p~iF~ps|U_ulL", "_izlhA~rlgdF_{geC~ywl@"])("%s is not a polyline", (text) => {
  expect(() => decoded(text, 5)).toThrow(/polyline/i);
});

test("lines are read from GeoJSON with their names, without heights", () => {
  const line = { type: "LineString", coordinates: [[5, 51, 3], [6, 51, 3], [6, 52, 3]] };
  const several = { type: "MultiLineString", coordinates: [[[5, 51], [6, 51]], [[7, 51], [8, 51]]] };
  const text = JSON.stringify({ type: "FeatureCollection", features: [{ type: "Feature", properties: { name: "A1" }, geometry: line }, { type: "Feature", properties: {}, geometry: several }] });
  const [first, second] = routesIn(text, "roads.geojson", 5);
  expect(first).toEqual({ id: null, name: "A1", line: { type: "LineString", coordinates: [[5, 51], [6, 51], [6, 52]] }, isStraight: false, isTrip: false });
  expect([second!.name, second!.line.type, second!.isStraight]).toEqual(["roads 2", "MultiLineString", false]);
});

test.each([
  [{ type: "Point", coordinates: [5, 51] }, "way.json has no lines. It contains Point; a route is a LineString or MultiLineString."],
  [{ type: "LineString", coordinates: [[5, 51]] }, "The LineString has a part with fewer than two positions."],
  [{ type: "MultiLineString", coordinates: [] }, "The MultiLineString is empty."],
  [{ type: "LineString", coordinates: [[5, 51], [500000, 5e6]] }, "The LineString is not in degrees"],
])("%j is refused with the reason", (document, says) => {
  expect(() => routesIn(JSON.stringify(document), "way.json", 5)).toThrow(says);
});

test("two positions are a straight line, and a link leads to the same route", () => {
  const route = routeOf("Drawn route", [[[5.1234567, 51], [6, 52]]]);
  expect(route.isStraight).toBe(true);
  expect(linkOf(route)).toBe("5.123457,51;6,52");
  expect(routeOfLink("5.123457,51;6,52")).toEqual(route);
  expect(routeOfLink("12")).toBeNull();
  expect(linkOf({ ...route, id: "12" })).toBe("12");
  expect(linkOf(routeOf("Long", [Array.from({ length: 61 }, (_, n) => [n, 0])]))).toBeNull();
});

test("the bounds hold all parts", () => {
  expect(boundsOf(routeOf("R", [[[5, 51], [6, 50]], [[-1, 52], [2, 53]]]).line)).toEqual([-1, 50, 6, 53]);
});
