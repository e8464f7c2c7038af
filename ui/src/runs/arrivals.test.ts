import { expect, test } from "vitest";
import { below } from "./arrivals.ts";

const same = (key: string) => key;

test("what is new waits above the row that was the first one", () => {
  expect(below(["d", "c", "b", "a"], "b", same)).toEqual({ rows: ["b", "a"], waiting: 2 });
});

test("nothing waits for who is not there, or for whom the first row has gone", () => {
  expect(below(["b", "a"], null, same)).toEqual({ rows: ["b", "a"], waiting: 0 });
  expect(below(["b", "a"], "x", same)).toEqual({ rows: ["b", "a"], waiting: 0 });
});
