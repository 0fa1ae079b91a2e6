/** What a shared link carries after the #: layer, period and windows, view, the chosen point, the area, the swipe. */

import type { Place, Windows } from "./api";
import { isPeriod } from "./periods";

export interface View extends Place {
  readonly zoom: number;
}

export interface Link {
  readonly product: string | null;
  readonly period: string | null;
  /** Windows that are chosen; others follow from the period. */
  readonly windows: Windows;
  readonly view: View | null;
  readonly at: Place | null;
  /** Of a saved area its id, of a drawn one its corners. */
  readonly area: string | null;
  /** The same of a route. */
  readonly route: string | null;
  /** The earlier picture of a swipe: a period, or "pre" where the layer's own windows are the two. */
  readonly swipe: string | null;
  /** The map of saved areas, of the layer and period of the link. */
  readonly areas: AreasLink | null;
  /** Whether parcels, and whether zones are shown. */
  readonly parcels: boolean;
  readonly zones: boolean;
}

/** What saved areas are coloured by. */
export interface AreasLink {
  readonly value: string;
  /** Whether it is the change from one year before. */
  readonly isChange: boolean;
  /** Empty for areas of all types. */
  readonly kind: string;
}

/** How the address follows a step: as one the back button returns from, in place of the last, or not at all. */
export type Step = "push" | "replace" | "none";

/** Of those that come before the tested one. */
const ROLES = ["pre", "baseline"];

export function readLink(hash: string): Link {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const [zoom, lat, lng] = numbers(fields.get("view"), 3) ?? [];
  const [atLat, atLng] = numbers(fields.get("at"), 2) ?? [];
  const windows = ROLES.map((role) => [role, fields.get(role) ?? ""] as const).filter(([, text]) => isPeriod(text));
  return {
    product: fields.get("product"),
    period: fields.get("period"),
    windows: Object.fromEntries(windows),
    view: zoom !== undefined && isPlace(lat, lng) ? { zoom, lat: lat!, lng: lng! } : null,
    at: isPlace(atLat, atLng) ? { lat: atLat!, lng: atLng! } : null,
    area: fields.get("area"),
    route: fields.get("route"),
    swipe: fields.get("swipe"),
    areas: readAreas(fields),
    parcels: fields.get("parcels") === "1",
    zones: fields.get("zones") === "1",
  };
}

export function writeLink(link: Link): string {
  const fields: string[] = [];
  if (link.product) fields.push(`product=${encodeURIComponent(link.product)}`);
  if (link.period) fields.push(`period=${link.period}`);
  for (const [role, window] of Object.entries(link.windows)) fields.push(`${role}=${window}`);
  if (link.swipe) fields.push(`swipe=${link.swipe}`);
  if (link.view) fields.push(`view=${link.view.zoom.toFixed(2)}/${link.view.lat.toFixed(4)}/${link.view.lng.toFixed(4)}`);
  if (link.at) fields.push(`at=${link.at.lat.toFixed(5)}/${link.at.lng.toFixed(5)}`);
  if (link.area) fields.push(`area=${link.area}`);
  if (link.route) fields.push(`route=${link.route}`);
  if (link.areas) fields.push(`areas=${link.areas.value}`);
  if (link.areas?.isChange) fields.push("areas-change=1");
  if (link.areas?.kind) fields.push(`areas-kind=${encodeURIComponent(link.areas.kind)}`);
  if (link.parcels) fields.push("parcels=1");
  if (link.zones) fields.push("zones=1");
  return `#${fields.join("&")}`;
}

/** Let the browser's address carry this link. */
export function keepLink(link: Link, step: Step): void {
  const hash = writeLink(link);
  if (step === "none" || hash === location.hash) return;
  if (step === "push") history.pushState(null, "", hash);
  else history.replaceState(null, "", hash);
}

function readAreas(fields: URLSearchParams): AreasLink | null {
  const value = fields.get("areas");
  if (!value || !/^\w+$/.test(value)) return null;
  return { value, isChange: fields.get("areas-change") === "1", kind: fields.get("areas-kind") ?? "" };
}

function numbers(text: string | null, count: number): number[] | null {
  const parts = text?.split("/").map(Number) ?? [];
  return parts.length === count && parts.every(Number.isFinite) ? parts : null;
}

function isPlace(lat: number | undefined, lng: number | undefined): boolean {
  return lat !== undefined && lng !== undefined && Math.abs(lat) <= 90 && Math.abs(lng) <= 360;
}
