import { expect, test } from "vitest";
import { sortedNext, sweptBy, variants } from "./variants.ts";

const node = (id: string, run: string) => ({ id, run, partition: "", madeAt: "2026-01-01T00:00:00Z" });

test("columns become rows", () => {
  const found = {
    nodes: [node("r2.1", "r2"), node("r1.1", "r1")],
    isHead: [false, true],
    isRetracted: [false, false],
    considered: 2,
    parameters: [{ name: "fitted.depth", values: [[9], [3, 5]] }],
    metrics: [{ name: "error", values: [19.5, null] }],
  };
  expect(variants(found)).toMatchObject([
    { id: "r2.1", isHead: false, parameters: ["9"], metrics: [19.5] },
    { id: "r1.1", isHead: true, parameters: ["3 | 5"], metrics: [null] },
  ]);
});

test("a click sorts highest first, another one lowest, a third one not at all", () => {
  const first = sortedNext("", false, "error");
  const second = sortedNext(first.by, first.isLowest, "error");
  expect([first, second, sortedNext(second.by, second.isLowest, "error")]).toEqual([
    { by: "error", isLowest: false },
    { by: "error", isLowest: true },
    { by: "", isLowest: false },
  ]);
  expect(sortedNext("error", true, "fitted")).toEqual({ by: "fitted", isLowest: false });
});

test("what a run makes in several trials are variants, and elements of a list are none", () => {
  const task = (asset: string, trials: number) => ({ assets: [asset], trials });
  expect(sweptBy([task("numbers", 1), task("fitted", 12), task("rated", 12), task("scored[]", 1)])).toBe("rated");
  expect(sweptBy([task("sales", 1), task("orders[]", 1)])).toBe(null);
});
