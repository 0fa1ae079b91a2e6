/** Details of a layer: description, formula, mask, references, and addresses for other programs. */

import { address, pinnedQuery, tilejsonPath, xyzPath, type ProductDetail, type TileJSON } from "./api";
import { build, element } from "./dom";

export function drawAbout(product: ProductDetail, tilejson: TileJSON | null): void {
  const parts: HTMLElement[] = [build("p", "", product.description)];
  const facts = build("dl", "facts");
  const add = (name: string, ...values: (Node | string)[]): void => {
    facts.append(build("dt", "", name), build("dd", "", ...values));
  };
  add("Collection", product.collection);
  if (product.expression) add("Formula", build("code", "", product.expression));
  else add("Bands", product.bands.join(", "));
  const rules = product.mask.map((rule) => rule.label ?? `by band ${rule.band}`);
  if (rules.length) add("Masked out", [...new Set(rules)].join(", "));
  if (product.references.length) add(product.references.length > 1 ? "References" : "Reference", product.references.join("; "));
  parts.push(facts);
  if (tilejson) {
    const time = pinnedQuery(tilejson);
    parts.push(copyable("XYZ tile URL for QGIS and MapLibre", address(xyzPath(product.id, time))));
    parts.push(copyable("TileJSON URL with bounds and legend", address(tilejsonPath(product.id, time))));
  }
  element("about", HTMLDivElement).replaceChildren(...parts);
}

function copyable(name: string, text: string): HTMLElement {
  const field = build("input", "");
  field.readOnly = true;
  field.value = text;
  field.setAttribute("aria-label", name);
  const button = build("button", "button", "Copy");
  button.type = "button";
  button.addEventListener("click", () => void copy(field, button));
  return build("div", "copyable", build("span", "label", name), build("div", "copy-row", field, button));
}

async function copy(field: HTMLInputElement, button: HTMLButtonElement): Promise<void> {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Press Ctrl+C"; // browsers refuse the clipboard to pages without https
  }
  window.setTimeout(() => (button.textContent = "Copy"), 2000);
}
