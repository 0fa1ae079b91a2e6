/** What went wrong or is missing, in words for the reader. */

import { ApiError, tilejson, type ProductDetail } from "./api";

export function errorMessage(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  console.error(error);
  return "Something unexpected went wrong. Try reloading the page.";
}

/** The request was understood, and asks for something that there is not. */
export function isClientError(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500;
}

/** Why a layer shows nothing: its collection is empty, or what has been landed does not suffice. */
export async function whyEmpty(product: ProductDetail, signal: AbortSignal): Promise<string> {
  if (!product.cadence) return "This layer has no data yet.";
  try {
    await tilejson(product.id, null, signal);
  } catch (error) {
    if (isClientError(error)) return errorMessage(error);
    throw error;
  }
  return "This layer has data now.";
}
