import fc from "fast-check";
import { expect, test } from "vitest";
import { lapOf, ticks, tickText } from "./time-scale.ts";

const BEGIN = new Date("2026-11-27T12:00:00Z").getTime();

test("a step lies where its last attempt ran, and has no end while it runs", () => {
  const ran = { status: "succeeded", startedAt: "2026-11-27T12:00:02Z", durationMs: 500 };
  expect(lapOf(ran, BEGIN)).toEqual({ start: 2_000, took: 500 });
  expect(lapOf({ ...ran, status: "running", durationMs: null }, BEGIN)).toEqual({ start: 2_000, took: null });
  expect(lapOf({ ...ran, status: "cancelled", durationMs: null }, BEGIN)).toEqual({ start: 2_000, took: 0 });
  expect(lapOf({ status: "reused", startedAt: null, durationMs: null }, BEGIN)).toBe(null);
});

test("clocks that differ put nothing before the run", () => {
  const early = { status: "succeeded", startedAt: "2026-11-27T11:59:59Z", durationMs: 10 };
  expect(lapOf(early, BEGIN)?.start).toBe(0);
});

test("ticks begin at nought, lie within the span and are never many", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 90 * 86_400_000 }), fc.integer({ min: 2, max: 12 }), (span, most) => {
      const found = ticks(span, most);
      expect(found[0]).toBe(0);
      expect(found.length).toBeLessThanOrEqual(most + 1);
      expect(found.at(-1)).toBeLessThanOrEqual(span);
    }),
  );
});

test("times are said as on a clock", () => {
  expect([0, 500, 1_500, 30_000, 90_000, 7_500_000].map(tickText)).toEqual([
    "0",
    "500 ms",
    "1.5s",
    "30s",
    "1:30",
    "2:05:00",
  ]);
});
