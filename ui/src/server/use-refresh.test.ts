import { expect, test } from "vitest";
import { pause } from "./use-refresh.ts";

test("what is quick to answer is asked twice a second at most, and what is slow seldom, but asked", () => {
  expect(pause(5)).toBe(500);
  expect(pause(300)).toBe(3_000);
  expect(pause(60_000)).toBe(15_000);
});
