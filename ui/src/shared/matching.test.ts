import { expect, test } from "vitest";
import { best } from "./matching.ts";

const same = (text: string) => text;

test("the beginning of a word comes before the middle of one, and that before letters apart", () => {
  expect(best("run", ["brunch", "Rerun", "Runs", "ravenous nun"], same)).toEqual([
    "Runs",
    "Rerun",
    "brunch",
    "ravenous nun",
  ]);
});

test("what does not fit is left out", () => {
  expect(best("xq", ["Runs", "Assets"], same)).toEqual([]);
});

test("who has typed nothing sees all in their order", () => {
  expect(best("", ["Runs", "Assets"], same)).toEqual(["Runs", "Assets"]);
});
