import { expect, test } from "vitest";
import { markOf, standingOf, standingsOf } from "./marks.ts";

test("what is being made now comes before that it failed, and that before that it is stale", () => {
  expect(standingOf("STALE", ["FAILED", "RUNNING"]).mark).toBe("running");
  expect(standingOf("STALE", ["FAILED"])).toEqual({ mark: "failed", word: "failed" });
  expect(standingOf("STALE", [])).toEqual({ mark: "stale", word: "stale" });
});

test("what was declared wrong is told by its word, also where it is fresh", () => {
  expect(standingOf("FRESH", ["RETRACTED"])).toEqual({ mark: "failed", word: "retracted" });
});

test("an optional output that was not made is absent, and what waits is waiting", () => {
  expect(standingOf("MISSING", ["ABSENT"]).word).toBe("absent");
  expect(standingOf("MISSING", ["WAITING"]).word).toBe("waiting");
});

test("what failed and is stale is both, as it is found by both", () => {
  expect(standingsOf("STALE", ["FAILED"]).map(({ word }) => word)).toEqual(["failed", "stale"]);
  expect(standingsOf("MISSING", ["ABSENT"]).map(({ word }) => word)).toEqual(["absent", "missing"]);
  expect(standingsOf("FRESH", ["ABSENT"]).map(({ word }) => word)).toEqual(["fresh", "absent"]);
});

test("each word has its mark", () => {
  expect(["failed", "retracted", "waiting", "fresh"].map(markOf)).toEqual(["failed", "failed", "missing", "fresh"]);
});
