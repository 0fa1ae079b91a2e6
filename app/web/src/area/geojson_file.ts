/** Polygons out of a GeoJSON file, or the reason why there are none. */

import type { Position, Shape } from "./polygon";

export interface NamedShape {
  readonly name: string;
  readonly shape: Shape;
}

/** A file that holds nothing to chart; the message is for the reader. */
export class ShapeFileError extends Error {}

/** A country's border in full detail is about 10 MB. */
const MOST_BYTES = 20e6;

export async function readShapeFile(file: File): Promise<NamedShape[]> {
  if (file.size > MOST_BYTES) {
    throw new ShapeFileError(`${file.name} is ${Math.round(file.size / 1e6)} MB; the limit is ${MOST_BYTES / 1e6} MB.`);
  }
  const found = shapesIn(parsed(await file.text(), file.name), file.name);
  const stem = file.name.replace(/\.(geo)?json$/i, "");
  return found.map(({ name, shape }, index) => ({ name: name ?? (found.length > 1 ? `${stem} ${index + 1}` : stem), shape }));
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const archive = text.startsWith("PK") || text.includes("\0");
    const better = archive ? " Export shapefiles and GeoPackages as GeoJSON first." : "";
    throw new ShapeFileError(`${file} is not a GeoJSON file.${better}`);
  }
}

interface Found {
  readonly name: string | null;
  readonly shape: Shape;
}

function shapesIn(document: unknown, file: string): Found[] {
  const others = new Set<string>();
  const found = [...walk(document, null, others)];
  if (found.length) return found.map(checked);
  const instead = others.size ? `It contains ${[...others].join(", ")}` : "It is empty";
  throw new ShapeFileError(`${file} has no polygons. ${instead}; a chart needs a Polygon or MultiPolygon.`);
}

/** Every polygon with the name of its feature; what else there is goes to `others` by its type. */
function* walk(node: unknown, name: string | null, others: Set<string>): Generator<Found> {
  if (typeof node !== "object" || node === null || !("type" in node)) return;
  if (node.type === "FeatureCollection" && "features" in node && Array.isArray(node.features)) {
    for (const feature of node.features) yield* walk(feature, null, others);
  } else if (node.type === "Feature" && "geometry" in node) {
    yield* walk(node.geometry, nameOf(node), others);
  } else if (node.type === "GeometryCollection" && "geometries" in node && Array.isArray(node.geometries)) {
    for (const geometry of node.geometries) yield* walk(geometry, name, others);
  } else if ((node.type === "Polygon" || node.type === "MultiPolygon") && "coordinates" in node) {
    yield { name, shape: node as Shape };
  } else {
    others.add(String(node.type));
  }
}

function nameOf(feature: object): string | null {
  const properties = "properties" in feature && typeof feature.properties === "object" ? feature.properties : null;
  const fields = Object.entries(properties ?? {});
  const named = ["name", "title", "label"].map((key) => fields.find(([field]) => field.toLowerCase() === key)?.[1]);
  const name = [...named, "id" in feature ? feature.id : null].find((value) => typeof value === "string" || typeof value === "number");
  return name === undefined || name === "" ? null : String(name).slice(0, 200);
}

/** The shape with closed rings and without heights. */
function checked({ name, shape }: Found): Found {
  const what = name === null ? `The ${shape.type}` : `“${name}”`;
  const read = (ring: unknown): Position[] => {
    if (!Array.isArray(ring) || ring.length < 3) throw new ShapeFileError(`${what} has a ring with fewer than three corners.`);
    const positions = ring.map((position: unknown) => readPosition(position, what));
    const [first, last] = [positions[0]!, positions.at(-1)!];
    return first[0] === last[0] && first[1] === last[1] ? positions : [...positions, [...first]];
  };
  const rings = (polygon: unknown): Position[][] => {
    if (!Array.isArray(polygon) || !polygon.length) throw new ShapeFileError(`${what} is empty.`);
    return polygon.map(read);
  };
  if (shape.type === "Polygon") return { name, shape: { type: "Polygon", coordinates: rings(shape.coordinates) } };
  if (!Array.isArray(shape.coordinates) || !shape.coordinates.length) throw new ShapeFileError(`${what} is empty.`);
  return { name, shape: { type: "MultiPolygon", coordinates: shape.coordinates.map(rings) } };
}

function readPosition(position: unknown, what: string): Position {
  const [lng, lat] = Array.isArray(position) ? (position as unknown[]) : [];
  if (typeof lng !== "number" || typeof lat !== "number") throw new ShapeFileError(`${what} has a corner that is not a pair of numbers.`);
  if (Math.abs(lat) > 90 || Math.abs(lng) > 540) {
    throw new ShapeFileError(`${what} is not in degrees: it has a corner at ${lng}, ${lat}. GeoJSON uses longitude and latitude (WGS 84).`);
  }
  return [lng, lat];
}
