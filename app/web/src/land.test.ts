import { expect, test } from "vitest";
import { flatten } from "./land";

test("a ring across 180° goes on past it, in the copy of the world nearest to Greenwich", () => {
  const ring = [[170, 0], [-160, 0], [-160, 10], [170, 10], [170, 0]];
  expect(flatten([ring])).toEqual([[[-190, 0], [-160, 0], [-160, 10], [-190, 10], [-190, 0]]]);
});

test("a ring around the pole is closed along the edge of the map", () => {
  const ring = [[-180, -80], [-60, -75], [60, -75], [180, -80]];
  expect(flatten([ring])).toEqual([[...ring, [180, -90], [-180, -90], [-180, -80]]]);
});

test("holes stay", () => {
  const [outer, hole] = [[[0, 0], [9, 0], [9, 9], [0, 0]], [[1, 1], [2, 1], [2, 2], [1, 1]]];
  expect(flatten([outer, hole])).toEqual([outer, hole]);
});
