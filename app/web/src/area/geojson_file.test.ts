import { expect, test } from "vitest";
import { NoPolygonsError, readShapeFile, type NamedShape } from "./geojson_file";

const RING = [[5, 51], [6, 51], [6, 52], [5, 51]];

function read(content: unknown, name = "farm.geojson"): Promise<NamedShape[]> {
  return readShapeFile(new File([typeof content === "string" ? content : JSON.stringify(content)], name));
}

function feature(geometry: unknown, properties: unknown = {}): object {
  return { type: "Feature", properties, geometry };
}

test("a bare polygon has the name of its file", async () => {
  expect(await read({ type: "Polygon", coordinates: [RING] })).toEqual([
    { name: "farm", shape: { type: "Polygon", coordinates: [RING] } },
  ]);
});

test("rings are closed and heights left out", async () => {
  const [found] = await read({ type: "Polygon", coordinates: [[[5, 51, 12], [6, 51, 12], [6, 52, 12]]] });
  expect(found!.shape.coordinates).toEqual([RING]);
});

test("every polygon has a name: its own, its id, or the file's with a number", async () => {
  const polygon = { type: "Polygon", coordinates: [RING] };
  const found = await read({
    type: "FeatureCollection",
    features: [
      feature(polygon, { NAME: "North" }),
      { ...feature(polygon, null), id: 7 },
      feature({ type: "GeometryCollection", geometries: [{ type: "MultiPolygon", coordinates: [[RING], [RING]] }] }),
      feature({ type: "Point", coordinates: [5, 51] }, { name: "a well" }),
    ],
  });
  expect(found.map(({ name, shape }) => [name, shape.type])).toEqual([
    ["North", "Polygon"],
    ["7", "Polygon"],
    ["farm 3", "MultiPolygon"],
  ]);
});

test.each([
  ["PK\u0003\u0004", "farm.geojson is not a GeoJSON file. Export shapefiles and GeoPackages as GeoJSON first."],
  ["{", "farm.geojson is not a GeoJSON file."],
  [{ type: "FeatureCollection", features: [] }, "farm.geojson has no polygons. It is empty"],
  [feature({ type: "Point", coordinates: [5, 51] }), "farm.geojson has no polygons. It contains Point"],
  [feature({ type: "Polygon", coordinates: [[[5, 51], [5, 52]]] }, { name: "Line" }), "“Line” has a ring with fewer than three corners."],
  [feature({ type: "Polygon", coordinates: [] }), "The Polygon is empty."],
  [feature({ type: "MultiPolygon", coordinates: [] }), "The MultiPolygon is empty."],
  [feature({ type: "Polygon", coordinates: [[[5, 51], [5, "x"], [6, 52]]] }), "a corner that is not a pair of numbers"],
  [feature({ type: "Polygon", coordinates: [[[650000, 5672000], [650100, 5672000], [650000, 5672100]]] }), "not in degrees"],
])("%j is refused with the reason", async (content, reason) => {
  await expect(read(content)).rejects.toThrow(reason);
});

test("a file of more than 20 MB is not read", async () => {
  await expect(read(" ".repeat(21_000_000))).rejects.toThrow("farm.geojson is 21 MB; the limit is 20 MB.");
});

test("a file of lines is told from others without polygons", async () => {
  const errorOf = (geometry: unknown): Promise<unknown> => read(feature(geometry)).catch((error: unknown) => error);
  const lines = await errorOf({ type: "MultiLineString", coordinates: [[[5, 51], [6, 51]]] });
  const point = await errorOf({ type: "Point", coordinates: [5, 51] });
  expect([lines, point]).toEqual([expect.any(NoPolygonsError), expect.any(NoPolygonsError)]);
  expect([lines, point].map((error) => (error as NoPolygonsError).hasLines)).toEqual([true, false]);
  expect(String(lines)).toContain("It contains MultiLineString; a chart needs a Polygon or MultiPolygon.");
});
