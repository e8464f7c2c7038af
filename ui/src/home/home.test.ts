import { expect, test } from "vitest";
import { standing, troubleText } from "./attention.ts";
import type { GroupNow, Needed } from "./documents.ts";
import { worstFirst } from "./groups.ts";

const NEEDED: Needed = {
  asset: { key: "a" },
  troubles: ["FAILED"],
  checks: [],
  sinceAt: null,
  because: [],
  downstream: 0,
  heldUp: 0,
  partitions: { count: 1, text: "" },
  overdue: [],
};

test("what failed says how much of it", () => {
  expect(troubleText(NEEDED)).toBe("its latest attempt failed");
  expect(troubleText({ ...NEEDED, partitions: { count: 1, text: "2026-01-01" } })).toBe("2026-01-01 failed");
  expect(troubleText({ ...NEEDED, partitions: { count: 31, text: "a..b" } })).toBe("31 partitions failed");
});

test("all troubles are told, and the worst gives the mark", () => {
  const both: Needed = {
    ...NEEDED,
    troubles: ["OVERDUE", "BLOCKED"],
    overdue: [{ policy: "daily", why: "2 h late" }],
    because: ["x", "y", "z"],
  };
  expect(troubleText(both)).toBe("2 h late, waits for x, y and 1 more");
  expect(standing(both)).toEqual({ mark: "stale", word: "overdue" });
});

test("the group with most to do is first", () => {
  const group = (name: string, fresh: number, failed = 0): GroupNow => ({
    name,
    assets: 4,
    fresh,
    stale: 4 - fresh,
    missing: 0,
    failed,
    running: 0,
  });
  const sorted = worstFirst([group("b", 4), group("a", 4), group("half", 2), group("failed", 3, 1)]);
  expect(sorted.map(({ name }) => name)).toEqual(["failed", "half", "a", "b"]);
});
