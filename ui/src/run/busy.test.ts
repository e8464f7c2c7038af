import fc from "fast-check";
import { expect, test } from "vitest";
import { busyIn, type InTime, stepAt, stretchOf } from "./busy.ts";

const NAMES = ["succeeded", "failed", "running", "reused"];
const time = (...steps: [number | null, number | null, string][]): InTime => ({
  steps: steps.map((_, n) => n),
  startMs: steps.map(([start]) => start),
  durationMs: steps.map(([, took]) => took),
  statusNames: NAMES,
  statusOf: steps.map(([, , status]) => NAMES.indexOf(status)),
});

test("it is as high as much went on, and a failure is seen whatever went on beside it", () => {
  const found = busyIn(
    time([0, 40, "succeeded"], [20, 10, "failed"], [70, null, "running"], [null, null, "reused"]),
    100,
    10,
  );
  expect(found).toEqual([
    { from: 0, to: 2, share: 0.5, mark: "fresh" },
    { from: 2, to: 4, share: 1, mark: "failed" },
    { from: 4, to: 5, share: 0.5, mark: "fresh" },
    { from: 7, to: 10, share: 0.5, mark: "running" }, // until now
  ]);
});

test("a place in time leads to what ran then, the latest of several, and else to the nearest", () => {
  const steps = time([0, 50, "succeeded"], [30, 10, "succeeded"], [80, 5, "failed"], [null, null, "reused"]);
  expect([10, 35, 45, 60, 95].map((at) => stepAt(steps, at, 100))).toEqual([0, 1, 0, 0, 2]);
  expect(stepAt(time([null, null, "reused"]), 5, 100)).toBe(null);
});

test("lines in sight are of when their steps ran", () => {
  const steps = time([0, 50, "succeeded"], [30, 40, "succeeded"], [80, null, "running"], [null, null, "reused"]);
  expect(stretchOf(steps, new Set([0, 1]), 100)).toEqual({ start: 0, took: 70 });
  expect(stretchOf(steps, new Set([2]), 100)).toEqual({ start: 80, took: 20 });
  expect(stretchOf(steps, new Set([3]), 100)).toBe(null);
});

const step = fc.tuple(fc.nat(2_000), fc.nat(500), fc.constantFrom("succeeded", "failed"));

test("no failure is hidden, and nothing lies outside the span", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 60 }), (steps, buckets) => {
      const found = busyIn(time(...steps), 1_000, buckets);
      for (const { from, to, share } of found) {
        expect(from >= 0 && to <= buckets && from < to && share > 0 && share <= 1).toBe(true);
      }
      expect(found.some(({ mark }) => mark === "failed")).toBe(steps.some(([, , status]) => status === "failed"));
    }),
  );
});
