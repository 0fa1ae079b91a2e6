import { expect, test } from "vitest";
import { withLabels } from "./freshness";

test.each([
  ["Up to date; the newest is of 2026-09.", "Up to date; the newest is of September 2026."],
  ["Late: something since 2026-11-02 was to be published by now.", "Late: something since 2 Nov 2026 was to be published by now."],
  ["The newest is of 2026-11-02T17.", "The newest is of 2 Nov 2026, 17:00 UTC."],
  ["The archive has not been asked with success since 2026-11-02 04:10Z.", "The archive has not been asked with success since 2 Nov 2026 04:10Z."],
  ["The archive could not be asked 3 times in a row: HTTP 503", "The archive could not be asked 3 times in a row: HTTP 503"],
])("%s", (says, shown) => {
  expect(withLabels(says)).toBe(shown);
});
