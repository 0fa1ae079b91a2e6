/** The continents (Natural Earth 1:50 million, public domain) as polygons a flat map can fill. */

import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import landUrl from "world-atlas/land-50m.json?url";

type Ring = GeoJSON.Position[];

export async function fetchLand(): Promise<GeoJSON.MultiPolygon> {
  const response = await fetch(landUrl);
  if (!response.ok) throw new Error(`the land outlines answered ${response.status}`);
  const topology = (await response.json()) as Topology<{ land: GeometryCollection }>;
  const polygons = feature(topology, topology.objects.land).features.flatMap(({ geometry }) =>
    geometry.type === "MultiPolygon" ? geometry.coordinates : [],
  );
  return { type: "MultiPolygon", coordinates: polygons.map(flatten) };
}

/** The source's rings lie on a sphere: they cross 180° and one goes round the pole. */
export function flatten([outer = [], ...holes]: Ring[]): Ring[] {
  const unrolled = unroll(outer);
  if (goesRound(unrolled)) return [aroundPole(unrolled)];
  return [centred(unrolled), ...holes.map(unroll).filter((hole) => !goesRound(hole)).map(centred)];
}

/** Longitudes that go on past 180° rather than jump to −180°. */
function unroll(ring: Ring): Ring {
  let turns = 0;
  return ring.map(([lng = 0, lat = 0], index) => {
    const step = lng - (ring[index - 1]?.[0] ?? lng);
    if (Math.abs(step) > 180) turns -= Math.sign(step);
    return [lng + 360 * turns, lat];
  });
}

function goesRound(ring: Ring): boolean {
  return Math.abs((ring.at(-1)?.[0] ?? 0) - (ring[0]?.[0] ?? 0)) > 180;
}

function aroundPole(ring: Ring): Ring {
  const [first = [0, 0], last = [0, 0]] = [ring[0], ring.at(-1)];
  const pole = Math.sign(first[1] ?? 0) * 90;
  return centred([...ring, [last[0] ?? 0, pole], [first[0] ?? 0, pole], first]);
}

/** The same ring in the copy of the world nearest to Greenwich. */
function centred(ring: Ring): Ring {
  const lngs = ring.map(([lng = 0]) => lng);
  const middle = lngs.reduce((sum, lng) => sum + lng, 0) / lngs.length;
  const shift = 360 * Math.round(middle / 360);
  return ring.map(([lng = 0, lat = 0]) => [lng - shift, lat]);
}
