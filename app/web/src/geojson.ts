/** Geometries out of a GeoJSON text, with the names of their features, or the reason why there are none. */

/** A file or text that holds nothing to show; the message is for the reader. */
export class ShapeFileError extends Error {}

export interface Named<G> {
  readonly name: string;
  /** Of the type that was asked for; its coordinates are still to be looked at. */
  readonly geometry: G;
  /** What errors call it: by its own name, or by its type. */
  readonly what: string;
}

/** A country's border in full detail is about 10 MB. */
const MOST_BYTES = 20e6;

export async function textOf(file: File): Promise<string> {
  if (file.size <= MOST_BYTES) return file.text();
  throw new ShapeFileError(`${file.name} is ${Math.round(file.size / 1e6)} MB; the limit is ${MOST_BYTES / 1e6} MB.`);
}

/** All geometries of some types, and of which other types there are. */
export function geometriesIn<G extends GeoJSON.Geometry>(text: string, file: string, types: readonly G["type"][]): { readonly found: Named<G>[]; readonly others: string[] } {
  const others = new Set<string>();
  const found = [...walk(parsed(text, file), null, new Set<string>(types), others)];
  const stem = file.replace(/\.(geo)?json$/i, "");
  const named = found.map(({ name, geometry }, index) => ({
    name: name ?? (found.length > 1 ? `${stem} ${index + 1}` : stem),
    geometry: geometry as G,
    what: name === null ? `The ${(geometry as G).type}` : `“${name}”`,
  }));
  return { found: named, others: [...others] };
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
  readonly geometry: object;
}

/** Every geometry of some types with the name of its feature; what else there is goes to `others` by its type. */
function* walk(node: unknown, name: string | null, types: ReadonlySet<string>, others: Set<string>): Generator<Found> {
  if (typeof node !== "object" || node === null || !("type" in node)) return;
  if (node.type === "FeatureCollection" && "features" in node && Array.isArray(node.features)) {
    for (const feature of node.features) yield* walk(feature, null, types, others);
  } else if (node.type === "Feature" && "geometry" in node) {
    yield* walk(node.geometry, nameOf(node), types, others);
  } else if (node.type === "GeometryCollection" && "geometries" in node && Array.isArray(node.geometries)) {
    for (const geometry of node.geometries) yield* walk(geometry, name, types, others);
  } else if (types.has(String(node.type)) && "coordinates" in node) {
    yield { name, geometry: node };
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

/** A position without its height; `what` names the shape in errors. */
export function positionOf(position: unknown, what: string): GeoJSON.Position {
  const [lng, lat] = Array.isArray(position) ? (position as unknown[]) : [];
  if (typeof lng !== "number" || typeof lat !== "number") throw new ShapeFileError(`${what} has a corner that is not a pair of numbers.`);
  if (Math.abs(lat) > 90 || Math.abs(lng) > 540) {
    throw new ShapeFileError(`${what} is not in degrees: it has a corner at ${lng}, ${lat}. GeoJSON uses longitude and latitude (WGS 84).`);
  }
  return [lng, lat];
}
