/** Numbers, units and places the way a reader writes them. */

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function superscript(power: number): string {
  const digits = [...String(Math.abs(power))].map((digit) => SUPERSCRIPTS[Number(digit)] ?? "").join("");
  return power < 0 ? `⁻${digits}` : digits;
}

function withMinus(text: string): string {
  return text.replace("-", "−");
}

/** 0.412, 23.46, 1,204 or 1.23 × 10¹⁶: about four digits that mean something. */
export function formatValue(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 5e-4)) return scientific(value, 2);
  const decimals = size < 10 ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0;
  return withMinus(value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }));
}

/** The same without trailing zeros, for the ends of a class. */
export function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 5e-4)) return scientific(value, 1);
  return withMinus(value.toLocaleString("en", { maximumFractionDigits: size < 10 ? 3 : 1 }));
}

function scientific(value: number, decimals: number): string {
  const [mantissa = "", power = "0"] = value.toExponential(decimals).split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return `${withMinus(decimals > 1 ? mantissa : short)} × 10${superscript(Number(power))}`;
}

/** The power of ten to write once beside a ramp rather than at each of its ticks; 0 for everyday numbers. */
export function commonPower(values: readonly number[]): number {
  const sizes = values.map(Math.abs).filter((size) => size > 0);
  if (!sizes.length) return 0;
  const most = Math.max(...sizes);
  return most >= 1e6 || most < 5e-3 ? Math.floor(Math.log10(Math.min(...sizes)) + 1e-9) : 0;
}

export function formatPower(power: number): string {
  return power === 0 ? "" : `× 10${superscript(power)}`;
}

/** "nW/cm^2/sr" and "nW cm-2 sr-1" both read nW cm⁻² sr⁻¹; the unit "1" has no name. */
export function formatUnit(unit: string | null): string {
  if (unit === null || unit === "1") return "";
  const [first = "", ...divisors] = unit.split("/");
  const inverted = divisors.map((part) => {
    const [, name = part, power = "1"] = /^(.*?)\^?(\d*)$/.exec(part.trim()) ?? [];
    return `${name}-${power || "1"}`;
  });
  return [first.trim(), ...inverted]
    .join(" ")
    .replace(/([A-Za-zµ])\^?(-?\d+)/g, (_, letter: string, power: string) => letter + superscript(Number(power)));
}

/** 51.1834° N, 5.1147° E */
export function formatPlace(lng: number, lat: number): string {
  return `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lng).toFixed(4)}° ${lng < 0 ? "W" : "E"}`;
}

/** A whole-looking degree for the edge of the map: 5.2° E. */
export function formatDegree(value: number, step: number, positive: string, negative: string): string {
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const size = Math.abs(value).toFixed(decimals);
  return Number(size) === 0 ? "0°" : `${size}° ${value < 0 ? negative : positive}`;
}

/** 0.42 ha, 31.2 ha, 640 ha, 12.4 km²: the size of a field, a forest or a district. */
export function formatArea(km2: number): string {
  const isLarge = km2 >= 10;
  const size = isLarge ? km2 : km2 * 100;
  const decimals = size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0;
  return `${size.toLocaleString("en", { maximumFractionDigits: decimals })} ${isLarge ? "km²" : "ha"}`;
}

/** 97%, 99.6%; only the whole is 100%, and only nothing 0%. */
export function formatShare(share: number): string {
  const percent = 100 * share;
  if (percent === 0 || percent === 100 || (percent >= 1 && percent < 99)) return `${percent.toFixed(0)}%`;
  return `${Math.min(99.9, Math.max(0.1, percent)).toFixed(1)}%`;
}
