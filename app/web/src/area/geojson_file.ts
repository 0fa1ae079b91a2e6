/** Polygons out of a GeoJSON file, or the reason why there are none. */

import { geometriesIn, positionOf, ShapeFileError, textOf, type Named } from "../geojson";
import type { Position, Shape } from "./polygon";

export { ShapeFileError };

export interface NamedShape {
  readonly name: string;
  readonly shape: Shape;
}

/** A file without polygons. */
export class NoPolygonsError extends ShapeFileError {
  /** Whether it has lines, which are a route. */
  readonly hasLines: boolean;

  constructor(file: string, others: readonly string[]) {
    const instead = others.length ? `It contains ${others.join(", ")}` : "It is empty";
    super(`${file} has no polygons. ${instead}; a chart needs a Polygon or MultiPolygon.`);
    this.hasLines = others.some((type) => type.endsWith("LineString"));
  }
}

export async function readShapeFile(file: File): Promise<NamedShape[]> {
  const { found, others } = geometriesIn<Shape>(await textOf(file), file.name, ["Polygon", "MultiPolygon"]);
  if (found.length) return found.map(checked);
  throw new NoPolygonsError(file.name, others);
}

/** The shape with closed rings and without heights. */
function checked({ name, geometry: shape, what }: Named<Shape>): NamedShape {
  const read = (ring: unknown): Position[] => {
    if (!Array.isArray(ring) || ring.length < 3) throw new ShapeFileError(`${what} has a ring with fewer than three corners.`);
    const positions = ring.map((position: unknown) => positionOf(position, what));
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
