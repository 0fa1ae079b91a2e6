/** What a shared link carries after the #: layer, period, view, the chosen point and the area. */

import type { Place } from "./api";

export interface View extends Place {
  readonly zoom: number;
}

export interface Link {
  readonly product: string | null;
  readonly period: string | null;
  readonly view: View | null;
  readonly at: Place | null;
  /** Of a saved area its id, of a drawn one its corners. */
  readonly area: string | null;
}

export function readLink(hash: string): Link {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const [zoom, lat, lng] = numbers(fields.get("view"), 3) ?? [];
  const [atLat, atLng] = numbers(fields.get("at"), 2) ?? [];
  return {
    product: fields.get("product"),
    period: fields.get("period"),
    view: zoom !== undefined && isPlace(lat, lng) ? { zoom, lat: lat!, lng: lng! } : null,
    at: isPlace(atLat, atLng) ? { lat: atLat!, lng: atLng! } : null,
    area: fields.get("area"),
  };
}

export function writeLink(link: Link): string {
  const fields: string[] = [];
  if (link.product) fields.push(`product=${encodeURIComponent(link.product)}`);
  if (link.period) fields.push(`period=${encodeURIComponent(link.period)}`);
  if (link.view) fields.push(`view=${link.view.zoom.toFixed(2)}/${link.view.lat.toFixed(4)}/${link.view.lng.toFixed(4)}`);
  if (link.at) fields.push(`at=${link.at.lat.toFixed(5)}/${link.at.lng.toFixed(5)}`);
  if (link.area) fields.push(`area=${link.area}`);
  return `#${fields.join("&")}`;
}

function numbers(text: string | null, count: number): number[] | null {
  const parts = text?.split("/").map(Number) ?? [];
  return parts.length === count && parts.every(Number.isFinite) ? parts : null;
}

function isPlace(lat: number | undefined, lng: number | undefined): boolean {
  return lat !== undefined && lng !== undefined && Math.abs(lat) <= 90 && Math.abs(lng) <= 360;
}
