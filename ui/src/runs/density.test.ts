import { expect, test } from "vitest";
import { pieces } from "./density.ts";

test("bars are stacked, with what failed at the bottom", () => {
  const found = pieces([
    { status: "SUCCEEDED", counts: [3, 0] },
    { status: "FAILED", counts: [1, 0] },
  ]);
  expect(found).toEqual([
    { bucket: 0, mark: "failed", count: 1, from: 0, to: 0.25 },
    { bucket: 0, mark: "fresh", count: 3, from: 0.25, to: 1 },
  ]);
});

test("states with the same mark are one piece", () => {
  const found = pieces([
    { status: "QUEUED", counts: [1] },
    { status: "CANCELLED", counts: [1] },
  ]);
  expect(found).toMatchObject([{ mark: "missing", count: 2, to: 1 }]);
});

test("nothing is no bar", () => {
  expect(pieces([])).toEqual([]);
});
