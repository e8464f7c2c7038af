import { expect, test } from "vitest";
import { heights, spread } from "./spark.ts";

test("bars are parts of the highest one, and none is too low to be seen", () => {
  expect(heights([1, 4, 2])).toEqual([0.25, 1, 0.5]);
  expect(heights([0, 1000, 1])).toEqual([0.08, 1, 0.08]);
  expect(heights([0, 0])).toEqual([0.08, 0.08]);
  expect(heights([])).toEqual([]);
});

test("the last one is told, and between which all were", () => {
  const text = (value: number) => `${value} s`;
  expect(spread([3, 5, 4], text)).toBe("4 s; 3 s to 5 s in the last 3");
  expect(spread([3, 3], text)).toBe("3 s; 3 s in the last 2");
  expect(spread([3], text)).toBe("3 s");
  expect(spread([], text)).toBe("");
});
