import { expect, test } from "vitest";
import { heights } from "./density.ts";

test("what happened of all kinds is one bar for each stretch of time, and one event is seen beside thousands", () => {
  const found = heights([{ counts: [0, 1, 4_000] }, { counts: [0, 0, 6_000] }]);
  expect(found.map(({ bucket, count }) => [bucket, count])).toEqual([
    [1, 1],
    [2, 10_000],
  ]);
  expect(found[0]!.height).toBeGreaterThan(0.05);
  expect(found[1]!.height).toBe(1);
  expect(heights([])).toEqual([]);
});
