/**
 * What the server answers: the types of its OpenAPI document, as `schema.d.ts` has them (`scripts/api-types`).
 *
 * Written by hand is only what the document leaves open: a string that is one of a few, an object of any fields, an
 * answer without a schema. `Narrow` keeps these within what the document says.
 */

import type { components } from "./schema";

type Schemas = components["schemas"];

/** T with some of its fields described more closely; each must be there, and of a type that T allows. */
type Narrow<T, Fields extends { readonly [Name in keyof Fields]: Name extends keyof T ? T[Name] : never }> = Omit<T, keyof Fields> & Fields;

/** The document says string. */
export type Kind = "classes" | "continuous" | "rgb";
export type Cadence = Schemas["Cadence"];
export type Role = Schemas["RoleFacts"];
export type Bbox = Schemas["RegionSummary"]["bbox"];

interface Described {
  readonly kind: Kind;
  /** null until something has been landed. */
  readonly cadence: Cadence | null;
}

export type ProductSummary = Narrow<Schemas["ProductSummary"], Described>;

export type ProductDetail = Narrow<
  Schemas["ProductDetail"],
  Described & {
    readonly mask: readonly MaskRule[];
    readonly classes: readonly { readonly name: string; readonly color: string }[];
    readonly counted: readonly { readonly name: string }[];
  }
>;

// These are types rather than interfaces, so that they may stand for the document's objects of any fields.

export type MaskRule = { readonly band: string; readonly label?: string };

/** A time window as the server used it. */
export type Window = {
  readonly title: string;
  readonly period: string;
  readonly start: string;
  readonly end: string;
  readonly how: string;
};

export type TileJSON = Narrow<
  Schemas["TileJson"],
  {
    readonly legend: Legend;
    /** By role; null of a layer that shows one time. */
    readonly windows?: Readonly<Record<string, Window>> | null;
  }
>;

export type Legend = {
  readonly title: string;
  readonly unit: string | null;
  readonly kind: Kind;
  readonly entries: readonly LegendEntry[];
  /** Colours of places without a value; of classes they stand among the entries too. */
  readonly absent: readonly LegendEntry[];
  readonly rescale: readonly [low: number, high: number] | null;
  /** Of a ramp: evenly spaced over `rescale`, low end first. */
  readonly colors: readonly string[];
  readonly note: string | null;
};

export type LegendEntry = {
  readonly label: string;
  readonly color: string;
  readonly from: number | null;
  readonly to: number | null;
  /** Of a colour for places without a value: why there is none. */
  readonly state?: "masked" | "outside_zone";
};

/** The answer of GET /freshness. */
export type Freshness = Schemas["FreshnessList"];

/** The answer of GET /products/{product}/calendar. */
export type Calendar = Schemas["Calendar"];

/** The answer of GET /areas/tiles.json. */
export type AreasTileJSON = Schemas["AreasTileJson"];
export type AreaValue = AreasTileJSON["value"];

/** The answer of GET /zones/tiles.json. */
export type ZonesTileJSON = Schemas["ZonesTileJson"];

/** The document says string. */
export type PointState = "ok" | "nodata" | "unreadable" | "masked" | "outside" | "outside_zone";

export type PointAnswer = Narrow<
  Schemas["PointValue"],
  {
    readonly state: PointState;
    readonly windows?: Readonly<Record<string, PointWindow>> | null;
  }
>;

/** A window under a place: what it has there, and from which scenes. */
export type PointWindow = Window & { readonly state: PointState | null; readonly scenes: readonly string[] };

/** The document says an object of any fields. */
export interface Collection {
  /** Ascending. */
  readonly "tilewatch:periods": readonly string[];
}

// The document has no schema for the following answers.

/** Why a part of an area has no value. */
export type Absence = "outside_zone" | "masked" | "not_covered" | "no_data";

export interface Part {
  readonly name: string;
  readonly area_ha: number;
}

/** The statistics of one period. */
export interface Entry {
  readonly period: string;
  readonly status: "ok" | "partial" | "empty";
  readonly reason?: string;
  /** Share of the area that has a value. */
  readonly valid_fraction: number;
  readonly area_km2: number;
  readonly valid_area_km2: number;
  readonly mean: number | null;
  readonly median: number | null;
  readonly std: number | null;
  readonly min: number | null;
  readonly max: number | null;
  readonly sum: number | null;
  readonly count: number | null;
  readonly percentiles: Readonly<Record<string, number | null>>;
  /** Of night lights: by threshold, as the product or the request has them. */
  readonly lit?: readonly Lit[];
  readonly classes: readonly Part[];
  /** Of a layer that compares windows, as the following are. */
  readonly windows?: Readonly<Record<string, Window>>;
  readonly absent?: readonly Part[];
  readonly counted?: readonly Part[];
  readonly suspect?: Part;
  /** Mask rules that could not be applied. */
  readonly unmasked?: readonly string[];
  readonly scenes: readonly string[];
  readonly cell_size_m: number | null;
  readonly synthetic: boolean;
  /** Of a saved area: whether the server had it stored, or has just calculated it. */
  readonly kept?: boolean;
  /** What else is to be known of this time. */
  readonly note?: string | null;
}

/** What is lit above a threshold. */
export interface Lit {
  readonly above: number;
  readonly area_km2: number;
  /** Of the area that has a value. */
  readonly share: number;
  /** Where the threshold stands for something else, what. */
  readonly meaning?: string;
}

/** The answer of POST /products/{product}/statistics about one feature. */
export type Statistics = GeoJSON.Feature<GeoJSON.Geometry, { readonly series: readonly Entry[] }>;

/** The answer of GET /areas/{area}/timeseries. */
export interface TimeSeries {
  readonly series: readonly Entry[];
  /** How many entries are still to be calculated. */
  readonly pending: number;
}

/** The answer of GET /areas/{area}. */
export interface AreaFeature {
  readonly id: number;
  readonly geometry: GeoJSON.Polygon | GeoJSON.MultiPolygon;
  readonly properties: { readonly name: string; readonly kind: string | null };
}

/** The answer of GET /areas. */
export interface AreaPage {
  readonly features: readonly AreaFeature[];
  readonly links: readonly { readonly rel: string }[];
}

/** A region of GET /coverage. */
export type Region = Schemas["RegionSummary"] & {
  /** Of the box, 0 to 1; null where it is not known. */
  readonly covered_fraction: number | null;
};

/** The answer of GET /coverage. */
export type Coverage = GeoJSON.FeatureCollection<GeoJSON.Polygon | GeoJSON.MultiPolygon, Region>;
