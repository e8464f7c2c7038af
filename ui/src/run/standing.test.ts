import { expect, test } from "vitest";
import { paceText, shares, standingText, tasksOf } from "./standing.ts";

const count = (status: string, count: number, partitions = "", isCut = false) => ({ status, count, partitions, isCut });

test("steps of all tasks are summed up, the worst first and what is to come last", () => {
  const found = shares([
    { steps: [count("waiting", 3), count("succeeded", 2)] },
    { steps: [count("failed", 1), count("succeeded", 4)] },
  ]);
  expect(found).toEqual([
    { status: "failed", mark: "failed", count: 1 },
    { status: "succeeded", mark: "fresh", count: 6 },
    { status: "waiting", mark: "missing", count: 3 },
  ]);
});

test("which partitions stand how is said, and that there are more", () => {
  const steps = [count("succeeded", 363, "2013-01-01..2013-12-31", true), count("failed", 2, "2013-01-03, 2013-02-11")];
  expect(standingText({ assets: ["daily"], total: 365, ended: 365, steps })).toBe(
    "2 failed (2013-01-03, 2013-02-11), 363 succeeded (2013-01-01..2013-12-31, …)",
  );
  expect(standingText({ assets: ["one"], total: 1, ended: 1, steps: [count("reused", 1)] })).toBe("reused");
});

test("steps that had begun are summed up by what they make", () => {
  const found = tasksOf([
    { assets: ["a"], status: "succeeded" },
    { assets: ["b", "c"], status: "running" },
    { assets: ["a"], status: "failed" },
  ]);
  expect(found.map(({ assets, total, ended }) => ({ assets, total, ended }))).toEqual([
    { assets: ["a"], total: 2, ended: 2 },
    { assets: ["b", "c"], total: 1, ended: 0 },
  ]);
});

test("the pace is said per second or per minute, and what is left as far as it is known", () => {
  expect(paceText({ rate: 2.14, secondsLeft: 185 })).toBe("2.1 steps a second, about 3 min 5 s left");
  expect(paceText({ rate: 0.05, secondsLeft: null })).toBe("3 steps a minute");
  expect(paceText({ rate: 0, secondsLeft: null })).toBe("");
});
