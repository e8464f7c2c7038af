import fc from "fast-check";
import { expect, test } from "vitest";
import { type Cell, matrices, movedBy, stretches } from "./matrix.ts";

let number = 0;
const step = (asset: string, partition: string, status = "succeeded") => ({
  number: number++,
  assets: [asset],
  partition,
  status,
  attempt: 1,
  startedAt: null,
  durationMs: null,
  cursor: "",
});
const task = (asset: string, total: number) => ({ assets: [asset], total, ended: 0, steps: [] });

test("assets stand below each other by partition, those of months apart from those of days", () => {
  const steps = [
    step("raw", ""),
    step("sales", "2026-01-02"),
    step("sales", "2026-01-01", "failed"),
    step("returns", "2026-01-02", "running"),
    step("monthly", "2026-01"),
  ];
  const [days, months] = matrices(steps, [task("sales", 40), task("returns", 40), task("monthly", 2)]);
  expect(days?.columns).toEqual(["2026-01-01", "2026-01-02"]);
  expect(days?.rows.map(({ assets, cells, total }) => [assets[0], cells.map((cell) => cell?.status), total])).toEqual([
    ["sales", ["failed", "succeeded"], 40],
    ["returns", [undefined, "running"], 40],
  ]);
  expect(months?.columns).toEqual(["2026-01"]);
  expect([days?.width, months?.width]).toEqual([40, 2]); // there is room for what has not begun
});

test("names stand as they come, and of a sweep's trials the worst is shown", () => {
  const [found] = matrices([step("a", "us"), step("a", "eu", "failed"), step("a", "eu")], []);
  expect(found?.columns).toEqual(["us", "eu"]);
  expect(found?.width).toBe(2);
  expect(found?.rows[0]?.cells.map((cell) => cell?.status)).toEqual(["succeeded", "failed"]);
});

const cells = fc.array(fc.constantFrom(undefined, "succeeded", "failed", "running"), { maxLength: 300 });
const asCells = (statuses: (string | undefined)[]): (Cell | undefined)[] =>
  statuses.map((status, n) => (status === undefined ? undefined : { number: n, status }));

test("where there is little room no failure is hidden, and there are never more stretches than that", () => {
  fc.assert(
    fc.property(cells, fc.integer({ min: 1, max: 50 }), (statuses, most) => {
      const found = stretches(asCells(statuses), most, false);
      expect(found.length).toBeLessThanOrEqual(most);
      statuses.forEach((status, n) => {
        const there = found.find(({ from, to }) => from <= n && n < to);
        if (status === "failed") expect(there?.mark).toBe("failed");
        if (status !== undefined) expect(there).toBeDefined();
      });
    }),
  );
});

test("where there is room each stands alone", () => {
  expect(stretches(asCells(["succeeded", "succeeded", undefined, "failed"]), 100, true)).toEqual([
    { mark: "fresh", from: 0, to: 1 },
    { mark: "fresh", from: 1, to: 2 },
    { mark: "failed", from: 3, to: 4 },
  ]);
  expect(stretches(asCells(["succeeded", "succeeded"]), 100, false)).toEqual([{ mark: "fresh", from: 0, to: 2 }]);
});

test("keys lead from cell to cell, and never over a border", () => {
  const size = { rows: 3, width: 40 };
  const from = { row: 1, column: 5 };
  const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];
  expect(keys.map((key) => Object.values(movedBy(from, key, false, size) ?? {}))).toEqual([
    [1, 4],
    [1, 6],
    [0, 5],
    [2, 5],
    [1, 0],
    [1, 39],
  ]);
  expect(movedBy(from, "ArrowRight", true, size)).toEqual({ row: 1, column: 15 });
  expect(movedBy(from, "ArrowLeft", true, size)).toEqual({ row: 1, column: 0 });
  expect(movedBy({ row: 2, column: 39 }, "ArrowDown", false, size)).toEqual({ row: 2, column: 39 });
  expect(movedBy(from, "a", false, size)).toBe(null);
});
