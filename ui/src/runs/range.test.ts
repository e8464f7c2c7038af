import fc from "fast-check";
import { expect, test } from "vitest";
import { between, brushed, STRETCHES, stretch, wider } from "./range.ts";

const NOW = new Date("2026-11-27T12:34:56Z");

test("now lies in the last bucket of every stretch", () => {
  for (const { name, hours } of STRETCHES) {
    const { since, until } = stretch(name, NOW, 60);
    expect(until.getTime() - since.getTime()).toBe(hours * 3_600_000);
    expect(until.getTime()).toBeGreaterThan(NOW.getTime());
    expect(until.getTime() - NOW.getTime()).toBeLessThanOrEqual((hours * 3_600_000) / 60);
  }
});

test("a stretch stays as it is until the next bucket begins", () => {
  expect(stretch("24h", NOW, 60)).toEqual(stretch("24h", new Date(NOW.getTime() + 1_000), 60));
});

test("times that are none, or in the wrong order, are no range", () => {
  expect(between("", "")).toBe(null);
  expect(between("2026-02-01", "2026-01-01")).toBe(null);
  expect(between("2026-01-01", "2026-02-01")?.since).toEqual(new Date("2026-01-01"));
});

test("a brush takes whole buckets, at least one, in whatever direction, and none that are not there", () => {
  const range = stretch("24h", NOW, 48);
  const point = fc.double({ min: -1, max: 2, noNaN: true });
  fc.assert(
    fc.property(point, point, (a, b) => {
      const found = brushed(range, a, b, 48);
      expect(found).toEqual(brushed(range, b, a, 48));
      expect(found.until.getTime() - found.since.getTime()).toBeGreaterThanOrEqual(30 * 60_000);
      expect(found.since.getTime()).toBeGreaterThanOrEqual(range.since.getTime());
    }),
  );
});

test("who finds nothing can look further back", () => {
  expect(wider("24h")).toBe("7d");
  expect(wider("1y")).toBe(null);
});
