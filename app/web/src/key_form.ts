/** A small form for the key that a server asks for. */

import { ApiError, keepApiKey } from "./api";
import { build } from "./dom";
import { tell } from "./language/language";

/** Whether another key may help. */
export function isKeyNeeded(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}

export function keyForm(again: () => void): HTMLFormElement {
  const field = build("input", "text");
  field.type = "password";
  field.required = true;
  field.autocomplete = "off";
  const use = build("button", "button primary", tell("key.use"));
  use.type = "submit";
  const form = build("form", "area-form", build("label", "field", build("span", "label", tell("key.label")), field), build("div", "tools", use));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keepApiKey(field.value.trim());
    again();
  });
  return form;
}
