import fc from "fast-check";
import { expect, test } from "vitest";
import { boxText, columnsOf, rowsOf, troubled } from "./grid.ts";
import type { Span } from "./spans.ts";

test("a grid is its rows: every place stands in them as in the whole", () => {
  const marks = fc.constantFrom("fresh" as const, "stale" as const, "missing" as const);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), marks)),
      fc.integer({ min: 1, max: 7 }),
      (of, count) => {
        const starts = of.map((_, n) => of.slice(0, n).reduce((sum, [length]) => sum + length, 0));
        const spans: Span[] = of.map(([length, mark], n) => ({ start: starts[n]!, stop: starts[n]! + length, mark }));
        const found = rowsOf(spans, count).flatMap((row, at) =>
          row.flatMap(({ start, stop, mark }) =>
            Array.from({ length: stop - start }, (_, n) => [(start + n) * count + at, mark] as const),
          ),
        );
        const expected = spans.flatMap(({ start, stop, mark }) =>
          Array.from({ length: stop - start }, (_, n) => [start + n, mark] as const),
        );
        expect(found.sort(([a], [b]) => a - b)).toEqual(expected);
      },
    ),
  );
});

test("neighbours in a row that stand alike are one span", () => {
  const spans: Span[] = [
    { start: 0, stop: 7, mark: "fresh" },
    { start: 7, stop: 8, mark: "stale" },
    { start: 8, stop: 12, mark: "fresh" },
  ];
  const rows = rowsOf(spans, 3);
  expect(rows[0]).toEqual([{ start: 0, stop: 4, mark: "fresh" }]);
  expect(rows[1]?.map(({ start, stop }) => [start, stop])).toEqual([
    [0, 2],
    [2, 3],
    [3, 4],
  ]);
  expect(troubled(rows[1]!, { from: 0, to: 4 })).toBe(1);
  expect(troubled(rows[1]!, { from: 3, to: 4 })).toBe(0);
});

test("what is chosen is written by its keys, a whole dimension not at all", () => {
  expect(columnsOf({ from: 4, to: 7 }, 3)).toEqual({ from: 1, to: 3 });
  expect(boxText(["day", "region"], ["2026-01-01", "2026-01-09"], ["eu", "us"])).toBe(
    "day=2026-01-01..2026-01-09, region=eu..us",
  );
  expect(boxText(["day", "region"], ["2026-01-01", "2026-01-01"], ["eu", "eu"])).toBe("day=2026-01-01, region=eu");
  expect(boxText(["day", "region"], ["2026-01-01", "2026-01-02"], null)).toBe("day=2026-01-01..2026-01-02");
});
