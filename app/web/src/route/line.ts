/** Routes: lines on the ellipsoid, drawn, read from a file or an encoded polyline, or kept by the server. */

import type { Bbox } from "../api";
import { geometriesIn, positionOf, ShapeFileError } from "../geojson";

export type Line = GeoJSON.LineString | GeoJSON.MultiLineString;

export interface Route {
  /** null until the server keeps it. */
  readonly id: string | null;
  readonly name: string;
  readonly line: Line;
  /** Whether it is a straight line between two points, rather than a way somebody goes. */
  readonly isStraight: boolean;
  /** Whether it says when it is travelled, so that each place has the scan of its moment. */
  readonly isTrip: boolean;
}

/** Six decimals of a degree are a tenth of a metre. */
const DECIMALS = 6;

/** A line of more positions does not fit a link that people send. */
const MOST_LINKED = 60;

export function partsOf(line: Line): GeoJSON.Position[][] {
  return line.type === "LineString" ? [line.coordinates] : line.coordinates;
}

/** A route of these positions, which is not saved. */
export function routeOf(name: string, parts: readonly (readonly GeoJSON.Position[])[]): Route {
  const coordinates = parts.map((part) => part.map(([lng = 0, lat = 0]) => [rounded(lng), rounded(lat)]));
  const [only] = coordinates;
  const line: Line = coordinates.length === 1 ? { type: "LineString", coordinates: only! } : { type: "MultiLineString", coordinates };
  return { id: null, name, line, isStraight: coordinates.length === 1 && only!.length === 2, isTrip: false };
}

/** The lines of a GeoJSON text, or of an encoded polyline; `name` is that of the file, or what a line without one is called. */
export function routesIn(text: string, name: string, precision: number): Route[] {
  const trimmed = text.trim();
  if (!trimmed.startsWith("{")) return [routeOf(name.replace(/\.\w+$/, ""), [decoded(trimmed, precision)])];
  const { found, others } = geometriesIn<Line>(trimmed, name, ["LineString", "MultiLineString"]);
  if (!found.length) throw new ShapeFileError(`${name} has no lines. ${others.length ? `It contains ${others.join(", ")}` : "It is empty"}; a route is a LineString or MultiLineString.`);
  return found.map(({ name: own, geometry, what }) => {
    const parts: unknown = geometry.type === "LineString" ? [geometry.coordinates] : geometry.coordinates;
    if (!Array.isArray(parts) || !parts.length) throw new ShapeFileError(`${what} is empty.`);
    return routeOf(own, parts.map((part: unknown) => positionsOf(part, what)));
  });
}

function positionsOf(part: unknown, what: string): GeoJSON.Position[] {
  if (!Array.isArray(part) || part.length < 2) throw new ShapeFileError(`${what} has a part with fewer than two positions.`);
  return part.map((position: unknown) => positionOf(position, what));
}

/**
 * The positions of an encoded polyline: differences of latitude and longitude, five bits a character
 * (Google's algorithm; precision 5, or 6 as OSRM and Valhalla have it).
 */
export function decoded(text: string, precision: number): GeoJSON.Position[] {
  const positions: GeoJSON.Position[] = [];
  const wrong = new ShapeFileError("This is neither GeoJSON nor an encoded polyline.");
  let [at, lat, lng] = [0, 0, 0];
  const next = (): number => {
    let [sum, factor, bits] = [0, 1, 0x20];
    while (bits & 0x20) {
      bits = text.charCodeAt(at++) - 63; // NaN beyond the end
      if (!(bits >= 0 && bits < 64) || factor > 2 ** 40) throw wrong;
      sum += (bits & 0x1f) * factor;
      factor *= 32;
    }
    return sum % 2 ? -(sum + 1) / 2 : sum / 2;
  };
  while (at < text.length) {
    lat += next();
    lng += next();
    positions.push(positionOf([lng / 10 ** precision, lat / 10 ** precision], "The polyline"));
  }
  if (positions.length < 2) throw wrong;
  return positions;
}

/** For a link: the id, or the positions as lng,lat;lng,lat; null where it is too long, or has several parts. */
export function linkOf({ id, line }: Route): string | null {
  if (id !== null) return id;
  if (line.type !== "LineString" || line.coordinates.length > MOST_LINKED) return null;
  return line.coordinates.map(([lng = 0, lat = 0]) => `${lng},${lat}`).join(";");
}

/** The route of a link's positions; null where they do not make one. */
export function routeOfLink(link: string): Route | null {
  const positions = link.split(";").map((pair) => pair.split(",").map(Number));
  const isLine = positions.length >= 2 && positions.every(([lng, lat]) => Math.abs(lng!) <= 540 && Math.abs(lat!) <= 90);
  return isLine ? routeOf("Drawn route", [positions]) : null;
}

export function boundsOf(line: Line): Bbox {
  const lngs = partsOf(line).flatMap((part) => part.map(([lng = 0]) => lng));
  const lats = partsOf(line).flatMap((part) => part.map(([, lat = 0]) => lat));
  const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
  const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));
  return [least(lngs), least(lats), most(lngs), most(lats)];
}

function rounded(degrees: number): number {
  return Number(degrees.toFixed(DECIMALS));
}
