import { expect, test } from "vitest";
import { areaKm2, boundsOf, cornersOf, polygonOf, withCorner, withoutCorner, zoomOfCorners, type Position } from "./polygon";

function box(west: number, south: number, east: number, north: number): Position[] {
  return [[west, south], [east, south], [east, north], [west, north], [west, south]];
}

// Areas are those of PROJ on the ellipsoid, with edges straight in degrees.
const FIELD = box(-99.069, 40.494, -99.066, 40.497);
const TOWN = box(-99.03, 40.49, -98.98, 40.52);
const TEN_DEGREES = box(0, 40, 10, 50);

test.each([
  ["a field", FIELD, 0.0847, 4],
  ["a town", TOWN, 14.12, 2],
  ["ten degrees", TEN_DEGREES, 875_097.7, 1],
])("the size of %s is that of PROJ", (_, ring, km2, digits) => {
  expect(areaKm2({ type: "Polygon", coordinates: [ring] })).toBeCloseTo(km2, digits);
});

test("a hole is taken off, parts are added, and the direction does not matter", () => {
  const size = (...rings: Position[][]): number => areaKm2({ type: "Polygon", coordinates: rings });
  expect(size(TEN_DEGREES, TOWN)).toBeCloseTo(size(TEN_DEGREES) - size(TOWN), 6);
  expect(areaKm2({ type: "MultiPolygon", coordinates: [[TOWN], [FIELD]] })).toBeCloseTo(size(TOWN) + size(FIELD), 9);
  expect(size(TOWN.toReversed())).toBeCloseTo(size(TOWN), 9);
});

test("bounds go around all parts", () => {
  expect(boundsOf({ type: "MultiPolygon", coordinates: [[box(5, 51, 6, 52)], [box(-3, 49, -2, 50)]] })).toEqual([-3, 49, 6, 52]);
});

test("a drawn polygon is closed, rounded to a tenth of a metre, and in the copy of the world nearest to Greenwich", () => {
  expect(polygonOf([[365.12345678, 51], [366, 51], [366, 52]])).toEqual({
    type: "Polygon",
    coordinates: [[[5.123457, 51], [6, 51], [6, 52], [5.123457, 51]]],
  });
});

const TRIANGLE = polygonOf([[0, 0], [2, 0], [2, 2]]);

test("between two corners there is a middle", () => {
  expect(cornersOf(TRIANGLE).map(({ index, isMiddle, at }) => [index, isMiddle, at])).toEqual([
    [0, false, [0, 0]],
    [1, true, [1, 0]],
    [1, false, [2, 0]],
    [2, true, [2, 1]],
    [2, false, [2, 2]],
    [3, true, [1, 1]],
  ]);
});

test("a corner is moved, and with the first one the last", () => {
  const [first, middle] = cornersOf(TRIANGLE);
  expect(withCorner(TRIANGLE, first!, [-1, -1]).coordinates).toEqual([[[-1, -1], [2, 0], [2, 2], [-1, -1]]]);
  expect(withCorner(TRIANGLE, middle!, [1, -1]).coordinates).toEqual([[[0, 0], [1, -1], [2, 0], [2, 2], [0, 0]]]);
  expect(TRIANGLE.coordinates).toEqual([[[0, 0], [2, 0], [2, 2], [0, 0]]]); // a copy was changed
});

test("a corner is removed, but a triangle keeps its three", () => {
  const square = polygonOf([[0, 0], [2, 0], [2, 2], [0, 2]]);
  expect(withoutCorner(square, cornersOf(square)[0]!).coordinates).toEqual([[[2, 0], [2, 2], [0, 2], [2, 0]]]);
  expect(withoutCorner(TRIANGLE, cornersOf(TRIANGLE)[0]!)).toEqual(TRIANGLE);
});

test("corners are shown from the zoom at which the shape takes 60 pixels", () => {
  // At zoom 5 the world of 360° is 512 × 32 pixels wide, so 60 of them are 1.318359375°.
  expect(zoomOfCorners(polygonOf([[0, 0], [1.318359375, 0], [0, 1]]))).toBeCloseTo(5, 5);
  expect(zoomOfCorners({ type: "Polygon", coordinates: [box(-180, -80, 180, 80)] })).toBe(0);
});
