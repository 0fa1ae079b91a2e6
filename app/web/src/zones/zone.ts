/** A zone as the server keeps it. */

import { get, request, type Bbox } from "../api";
import { tell, toldNumber } from "../language/language";

export const STATES = ["new", "confirmed", "dismissed", "over"] as const;
export type State = (typeof STATES)[number];
export const SEVERITIES = ["low", "moderate", "high"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** A feature of GET /zones. */
export interface Zone {
  readonly id: number;
  readonly geometry: GeoJSON.MultiPolygon;
  readonly properties: {
    readonly kind: "anomaly" | "disease" | "other";
    readonly severity: Severity | null;
    readonly called: string | null;
    readonly called_by: "person" | "model" | null;
    readonly caller: string | null;
    readonly model_version: string | null;
    readonly detected_at: string | null;
    readonly state: State;
    readonly area_ha: number;
    readonly areas: readonly number[];
  };
}

/** From little to much, as parts of areas are shaded (ColorBrewer's PuRd); of no severity grey. */
export const SEVERITY_COLORS: Readonly<Record<Severity, string>> = { low: "#d4b9da", moderate: "#df65b0", high: "#980043" };
export const NO_SEVERITY = "#6b6f8a";

/** As many as the list shows. */
export const MOST_LISTED = 50;

export function readZone(id: string, signal?: AbortSignal): Promise<Zone> {
  return get(`zones/${id}`, signal);
}

/** Zones of a state, or all, in a part of the map. */
export async function findZones(view: Bbox | null, state: State | "", signal: AbortSignal): Promise<readonly Zone[]> {
  const query = new URLSearchParams({ limit: String(MOST_LISTED), ...(state ? { state } : {}), ...(view ? { bbox: view.join(",") } : {}) });
  return (await get<{ readonly features: readonly Zone[] }>(`zones?${query}`, signal)).features;
}

export async function judgeZone(id: number, state: State): Promise<Zone> {
  const body = { properties: { state } };
  return (await request(`zones/${id}`, { method: "PATCH", body, isWriting: true })).json() as Promise<Zone>;
}

/** What a zone was called, and by whom; null where it was not. */
export function calledBy({ called, called_by, caller, model_version }: Zone["properties"]): string | null {
  if (called === null) return null;
  if (called_by === "model") return tell("zones.called.model", { called, caller: caller ?? "?", version: model_version ?? "?" });
  return tell("zones.called.person", { called, caller: caller ?? tell("zones.somebody") });
}

export function sizeOf({ area_ha }: Zone["properties"]): string {
  return area_ha < 1000 ? `${toldNumber(area_ha, area_ha < 10 ? 2 : 0)} ha` : `${toldNumber(area_ha / 100, 0)} km²`;
}
