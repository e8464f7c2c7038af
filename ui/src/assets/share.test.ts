import fc from "fast-check";
import { expect, test } from "vitest";
import { shares } from "./share.ts";

test("one stale partition of ten thousand is seen", () => {
  const [fresh, stale] = shares([
    { status: "STALE", count: 1 },
    { status: "FRESH", count: 9_999 },
  ]);
  expect(fresh).toMatchObject({ mark: "fresh", count: 9_999 });
  expect(stale?.part).toBeGreaterThan(0.025);
});

test("the parts are the whole", () => {
  const counts = fc.record({ FRESH: fc.nat(), STALE: fc.nat(), MISSING: fc.nat() });
  fc.assert(
    fc.property(counts, (by) => {
      const found = shares([
        { status: "FRESH", count: by.FRESH },
        { status: "STALE", count: by.STALE },
        { status: "MISSING", count: by.MISSING },
      ]);
      const sum = found.reduce((parts, { part }) => parts + part, 0);
      expect(sum).toBeCloseTo(found.length === 0 ? 0 : 1);
    }),
  );
});
