import { expect, test } from "vitest";
import { chosenNext, olderFirst } from "./chosen.ts";

test("two are chosen; a third takes the place of the first, and one that is chosen again is not any more", () => {
  expect(chosenNext([], "a")).toEqual(["a"]);
  expect(chosenNext(["a"], "b")).toEqual(["a", "b"]);
  expect(chosenNext(["a", "b"], "c")).toEqual(["b", "c"]);
  expect(chosenNext(["a", "b"], "a")).toEqual(["b"]);
});

test("the older is held against the newer, in whatever order they were chosen", () => {
  const rows = [{ id: "c" }, { id: "b" }, { id: "a" }];
  expect(olderFirst(["c", "a"], rows)).toEqual(["a", "c"]);
  expect(olderFirst(["c", "gone"], rows)).toEqual(["gone", "c"]);
});
