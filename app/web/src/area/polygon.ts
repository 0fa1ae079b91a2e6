/** Polygons on the ellipsoid: their size, their bounds, and their corners. */

import type { Bbox } from "../api";

export type Position = GeoJSON.Position;
export type Shape = GeoJSON.Polygon | GeoJSON.MultiPolygon;

/** What is charted: drawn here, read from a file, or kept by the server under an id. */
export interface Area {
  readonly id: string | null;
  readonly name: string;
  readonly shape: Shape;
}

/** One corner of a shape, or the middle of an edge where a corner may be put in. */
export interface Corner {
  readonly polygon: number;
  readonly ring: number;
  /** Of the corner, or of the place a new one takes. */
  readonly index: number;
  readonly isMiddle: boolean;
  readonly at: Position;
}

/** The WGS 84 ellipsoid: half its equatorial axis, and its eccentricity. */
const A_KM = 6378.137;
const E = 0.0818191908426215;

/** An edge is integrated in pieces of at most this many degrees of latitude; Simpson's rule then errs by 1e-9. */
const PIECE_DEG = 2;

export function polygonsOf(shape: Shape): Position[][][] {
  return shape.type === "Polygon" ? [shape.coordinates] : shape.coordinates;
}

/** Area on the ellipsoid in km²; edges are straight in degrees, as the server takes them. */
export function areaKm2(shape: Shape): number {
  return polygonsOf(shape)
    .map(([outer = [], ...holes]) => ringKm2(outer) - holes.reduce((sum, hole) => sum + ringKm2(hole), 0))
    .reduce((sum, size) => sum + size, 0);
}

function ringKm2(ring: Position[]): number {
  let sum = 0;
  for (const [index, [lng = 0, lat = 0]] of ring.entries()) {
    const [nextLng = 0, nextLat = 0] = ring[(index + 1) % ring.length] ?? [];
    const pieces = Math.ceil(Math.abs(nextLat - lat) / PIECE_DEG) || 1;
    const step = (nextLat - lat) / pieces;
    for (let piece = 0; piece < pieces; piece++) {
      const from = lat + piece * step;
      const mean = (toEquator(from) + 4 * toEquator(from + step / 2) + toEquator(from + step)) / 6;
      sum += (radians(nextLng - lng) / pieces) * mean;
    }
  }
  return Math.abs(sum);
}

/** Area between the equator and a latitude, for one radian of longitude (Snyder 1987, equation 3-12). */
function toEquator(lat: number): number {
  const s = Math.sin(radians(lat));
  return (A_KM ** 2 / 2) * (1 - E ** 2) * (s / (1 - (E * s) ** 2) - Math.log((1 - E * s) / (1 + E * s)) / (2 * E));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

export function boundsOf(shape: Shape): Bbox {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [lng = 0, lat = 0] of polygonsOf(shape).flat(2)) {
    west = Math.min(west, lng);
    south = Math.min(south, lat);
    east = Math.max(east, lng);
    north = Math.max(north, lat);
  }
  return [west, south, east, north];
}

/** A shape smaller than this on the screen is shown without its corners, which would cover it. */
const LEAST_PX = 60;

/** The zoom from which the corners of a shape are apart. */
export function zoomOfCorners(shape: Shape): number {
  const [west, south, east, north] = boundsOf(shape);
  return Math.max(0, Math.log2((LEAST_PX * 360) / (512 * Math.max(east - west, north - south, 1e-6))));
}

/** A polygon of these corners, in the copy of the world nearest to Greenwich. */
export function polygonOf(corners: readonly Position[]): GeoJSON.Polygon {
  const middle = corners.reduce((sum, [lng = 0]) => sum + lng, 0) / corners.length;
  const shift = 360 * Math.round(middle / 360);
  const ring = corners.map(([lng = 0, lat = 0]) => [rounded(lng - shift), rounded(lat)]);
  return { type: "Polygon", coordinates: [[...ring, [...ring[0]!]]] };
}

/** Six decimals of a degree are a tenth of a metre; a link carries as many, so that it leads to the same numbers. */
export const DECIMALS = 6;

function rounded(degrees: number): number {
  return Number(degrees.toFixed(DECIMALS));
}

export function cornersOf(shape: Shape): Corner[] {
  return polygonsOf(shape).flatMap((rings, polygon) =>
    rings.flatMap((positions, ring) =>
      positions.slice(0, -1).flatMap((at, index) => {
        const [lng = 0, lat = 0] = at;
        const [nextLng = 0, nextLat = 0] = positions[index + 1] ?? at;
        const middle = [(lng + nextLng) / 2, (lat + nextLat) / 2];
        return [
          { polygon, ring, index, isMiddle: false, at },
          { polygon, ring, index: index + 1, isMiddle: true, at: middle },
        ];
      }),
    ),
  );
}

/** The shape with a corner moved, or, from the middle of an edge, with one put in. */
export function withCorner<S extends Shape>(shape: S, { polygon, ring, index, isMiddle }: Corner, to: Position): S {
  return changed(shape, polygon, ring, (open) => open.splice(index, isMiddle ? 0 : 1, to.map(rounded)));
}

/** The shape without a corner; a triangle keeps its three. */
export function withoutCorner<S extends Shape>(shape: S, { polygon, ring, index }: Corner): S {
  return changed(shape, polygon, ring, (open) => open.length > 3 && open.splice(index, 1));
}

function changed<S extends Shape>(shape: S, polygon: number, ring: number, change: (open: Position[]) => void): S {
  const copy = structuredClone(shape);
  const rings = polygonsOf(copy)[polygon]!;
  const open = rings[ring]!.slice(0, -1);
  change(open);
  rings[ring] = [...open, [...open[0]!]];
  return copy;
}
