import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Box,
  boxesOf,
  boxTexts,
  columnsOf,
  rowNames,
  rowsByDimension,
  rowsOf,
  troubled,
  withBox,
} from "./grid.ts";
import type { Brushing, Span, Window } from "./spans.ts";

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

const windows = (most: number) =>
  fc.tuple(fc.nat(most - 1), fc.integer({ min: 1, max: most })).map(([from, length]): Window => {
    return { from, to: Math.min(most, from + length) };
  });
const numbers = ({ from, to }: Window) => Array.from({ length: to - from }, (_, n) => from + n);
const cells = (boxes: readonly Box[], rows: number) =>
  boxes
    .flatMap((box) => numbers(box.columns).flatMap((x) => numbers(box.rows).map((y) => x * rows + y)))
    .sort((a, b) => a - b);

test("boxes join and are taken out as sets of cells would, and have no cell in common", () => {
  const box = fc.record({ columns: windows(12), rows: windows(5) });
  const how = fc.constantFrom<Brushing>("alone", "besides", "without");
  fc.assert(
    fc.property(fc.array(fc.tuple(box, how), { maxLength: 6 }), (steps) => {
      let chosen: Box[] = [];
      let expected = new Set<number>();
      for (const [one, how] of steps) {
        chosen = withBox(chosen, one, how);
        if (how === "alone") expected = new Set();
        for (const cell of cells([one], 5)) how === "without" ? expected.delete(cell) : expected.add(cell);
        expect(cells(chosen, 5)).toEqual([...expected].sort((a, b) => a - b));
      }
    }),
  );
});

test("what the server says by numbers is few boxes again", () => {
  const days = Array.from({ length: 100 }, (_, n) => ({ from: n * 10 + 1, to: n * 10 + 4 }));
  expect(boxesOf(days, 10)).toEqual([{ columns: { from: 0, to: 100 }, rows: { from: 1, to: 4 } }]);
  expect(boxesOf([{ from: 20, to: 500 }], 10)).toEqual([{ columns: { from: 2, to: 50 }, rows: { from: 0, to: 10 } }]);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(80)), fc.integer({ min: 1, max: 9 }), (chosen, rows) => {
      const sorted = [...chosen].sort((a, b) => a - b);
      const found = boxesOf(
        sorted.map((n) => ({ from: n, to: n + 1 })),
        rows,
      );
      expect(cells(found, rows)).toEqual(sorted);
    }),
  );
});

test("rows of several dimensions are windows of each, the last of which counts fastest", () => {
  expect(rowsByDimension({ from: 0, to: 6 }, [2, 3])).toEqual([
    [
      { from: 0, to: 2 },
      { from: 0, to: 3 },
    ],
  ]);
  const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), (sizes, a, b) => {
      const total = sizes.reduce((product, one) => product * one, 1);
      const from = a % total;
      const to = from + 1 + (b % (total - from));
      const found = rowsByDimension({ from, to }, sizes).flatMap((windows) =>
        windows.reduce<number[]>(
          (all, window, n) => all.flatMap((before) => numbers(window).map((digit) => before * sizes[n]! + digit)),
          [0],
        ),
      );
      expect(found.sort((a, b) => a - b)).toEqual(numbers({ from, to }));
    }),
  );
});

test("what is chosen is written by its keys, a whole dimension not at all", () => {
  expect(columnsOf({ from: 4, to: 7 }, 3)).toEqual({ from: 1, to: 3 });
  const days = { name: "day", first: "2026-01-01", last: "2026-01-09" };
  const day = { ...days, last: "2026-01-01" };
  const region = { name: "region", keys: ["apac", "eu", "us"] };
  const device = { name: "device", keys: ["phone", "web"] };
  expect(boxTexts(days, [region], { from: 1, to: 3 })).toEqual(["day=2026-01-01..2026-01-09, region=eu..us"]);
  expect(boxTexts(day, [region], { from: 1, to: 2 })).toEqual(["day=2026-01-01, region=eu"]);
  expect(boxTexts(days, [region], { from: 0, to: 3 })).toEqual(["day=2026-01-01..2026-01-09"]);
  expect(boxTexts(day, [region, device], { from: 1, to: 4 })).toEqual([
    "day=2026-01-01, region=apac, device=web",
    "day=2026-01-01, region=eu",
  ]);
  expect(rowNames([region, device]).slice(0, 3)).toEqual(["apac · phone", "apac · web", "eu · phone"]);
});
