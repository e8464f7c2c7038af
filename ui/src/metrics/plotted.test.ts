import { expect, test } from "vitest";
import { apart, byPartition, byVersion, lastTwo, next, once } from "./plotted.ts";

const ROWS = {
  name: "rows",
  versions: ["a.s", "b.s", "c.s"],
  partitions: ["day-10", "day-9", "day-10"],
  positions: [5, 9, 12],
  madeAt: ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"],
  values: [10, 20, 30],
};
/** Recorded by fewer versions, and by one that has no rows. */
const LOSS = {
  name: "loss",
  versions: ["b.s", "d.s"],
  partitions: ["day-9", "day-9"],
  positions: [9, 20],
  madeAt: ["2026-01-02T00:00:00Z", "2026-01-04T00:00:00Z"],
  values: [0.5, 0.25],
};

test("all numbers are over the same versions, oldest first; what one lacks is a gap", () => {
  const { points, lines } = byVersion([LOSS, ROWS]);
  expect(points.map(({ version }) => version)).toEqual(["a.s", "b.s", "c.s", "d.s"]);
  expect(lines).toEqual([
    { name: "loss", values: [null, 0.5, null, 0.25] },
    { name: "rows", values: [10, 20, 30, null] },
  ]);
});

test("by partition there is the latest version of each, numbers in keys by their size", () => {
  const { points, lines } = byPartition([ROWS, LOSS]);
  expect(points.map(({ partition, version }) => [partition, version])).toEqual([
    ["day-9", "d.s"],
    ["day-10", "c.s"],
  ]);
  expect(lines.map(({ values }) => values)).toEqual([
    [null, 30],
    [0.25, null],
  ]);
});

test("what is always the same comes after what tells something", () => {
  const columns = { ...ROWS, name: "columns", values: [3, 3, 3] };
  expect(byVersion([columns, ROWS]).lines.map(({ name }) => name)).toEqual(["rows", "columns"]);
});

test("gaps are stepped over", () => {
  const values = [1, null, 2, null];
  expect(lastTwo(values)).toEqual([2, 0]);
  expect(lastTwo([null, 4])).toEqual([1, -1]);
  expect(next(values, 0, 1)).toBe(2);
  expect(next(values, 2, 1)).toBe(2);
  expect(next(values, 2, -1)).toBe(0);
});

test("numbers on an axis can be told apart, and a label stands once where it stands for several", () => {
  const text = (value: number, digits: number) => value.toFixed(digits);
  expect(apart([1.2, 1.4], text)).toEqual(["1.2", "1.4"]);
  expect(apart([1.21, 1.24, 1.24], text)).toEqual(["1.21", "1.24", "1.24"]);
  expect(once(["09:05", "09:05", "09:06", "09:05"])).toEqual(["09:05", "", "09:06", "09:05"]);
});
