import fc from "fast-check";
import { expect, test } from "vitest";
import { type Brushing, brushed, buckets, outline, spansOf, type Window, withBrushed } from "./spans.ts";

const spans = spansOf([
  { status: "FRESH", partitions: { starts: [0, 60], stops: [40, 100] } },
  { status: "STALE", partitions: { starts: [40], stops: [59] } },
  { status: "MISSING", partitions: { starts: [59], stops: [60] } },
]);

test("spans are in the order of the partitions, whatever they stand like", () => {
  expect(spans.map(({ start, mark }) => [start, mark])).toEqual([
    [0, "fresh"],
    [40, "stale"],
    [59, "missing"],
    [60, "fresh"],
  ]);
});

test("a column takes the worst of what lies in it, and as much of it as that is", () => {
  expect(buckets(spans, { from: 0, to: 100 }, 5)).toEqual([
    { mark: "fresh", part: 1 },
    { mark: "fresh", part: 1 },
    { mark: "stale", part: 0.95 },
    { mark: "fresh", part: 1 },
    { mark: "fresh", part: 1 },
  ]);
  expect(buckets(spans, { from: 58, to: 61 }, 3).map(({ mark }) => mark)).toEqual(["stale", "missing", "fresh"]);
});

test("nothing that is there is lost, however many there are to a column", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 1, max: 800 }),
      fc.nat(),
      (total, count, at) => {
        const start = at % total;
        const one = [{ start, stop: start + 1, mark: "stale" as const }];
        const found = buckets(one, { from: 0, to: total }, count);
        const sum = found.reduce((all, { part }) => all + part, 0) * (total / count);
        expect(found.some(({ mark }) => mark === "stale")).toBe(true);
        expect(sum).toBeCloseTo(1, 5);
      },
    ),
  );
});

test("a brush takes whole partitions, in whatever direction it was drawn, and never none", () => {
  expect(brushed({ from: 0, to: 10 }, 0.85, 0.31)).toEqual({ from: 3, to: 9 });
  expect(brushed({ from: 100, to: 110 }, 0.5, 0.5)).toEqual({ from: 105, to: 106 });
  expect(brushed({ from: 0, to: 10 }, 1, 1.4)).toEqual({ from: 9, to: 10 });
});

test("columns that are alike are one piece of the outline, and what is little can be seen", () => {
  const stale = { mark: "stale", part: 0.01 } as const;
  const fresh = { mark: "fresh", part: 1 } as const;
  expect(outline([fresh, fresh, stale], "fresh", 20)).toBe("M0 100v-100H2V100z");
  expect(outline([fresh, fresh, stale], "stale", 20)).toBe("M2 100v-20H3V100z");
});

test("what is brushed joins what is chosen, or is taken from it, as sets of partitions would", () => {
  const window = fc
    .tuple(fc.nat(30), fc.integer({ min: 1, max: 9 }))
    .map(([from, length]) => ({ from, to: from + length }));
  const numbers = (windows: readonly Window[]) =>
    windows.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, n) => from + n));
  const how = fc.constantFrom<Brushing>("besides", "without");
  fc.assert(
    fc.property(fc.array(fc.tuple(window, how)), (steps) => {
      let chosen: Window[] = [];
      const expected = new Set<number>();
      for (const [one, how] of steps) {
        chosen = withBrushed(chosen, one, how);
        for (const number of numbers([one])) how === "besides" ? expected.add(number) : expected.delete(number);
        expect(numbers(chosen)).toEqual([...expected].sort((a, b) => a - b)); // in order, and none twice
      }
    }),
  );
  expect(withBrushed([{ from: 0, to: 5 }], { from: 7, to: 9 }, "alone")).toEqual([{ from: 7, to: 9 }]);
  expect(withBrushed([{ from: 0, to: 5 }], { from: 5, to: 9 }, "besides")).toEqual([{ from: 0, to: 9 }]);
});
