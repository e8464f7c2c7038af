import { expect, test } from "vitest";
import { saidBy, standing, unheard } from "./verdicts.ts";

test("a warning is no failure, and only what is blocking refuses", () => {
  const failed = { passed: false, severity: "error", blocking: false };
  expect(standing({ ...failed, passed: true }).word).toBe("passed");
  expect(standing({ ...failed, severity: "warning" })).toEqual({ mark: "stale", word: "warning" });
  expect(standing(failed)).toEqual({ mark: "failed", word: "failed" });
  expect(standing({ ...failed, blocking: true })).toEqual({ mark: "failed", word: "refused" });
});

test("what a check recorded stands behind what it said", () => {
  expect(saidBy({ message: "too late", metadata: { latest: 287, at: "JFK" } })).toBe("too late · latest 287, at JFK");
  expect(saidBy({ message: "", metadata: {} })).toBe("");
});

test("checks that have judged nothing are named", () => {
  expect(unheard([{ name: "a" }, { name: "b" }], [{ checkName: "b" }])).toEqual(["a"]);
});
