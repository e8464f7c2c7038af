import { expect, test } from "vitest";
import { entriesOf, valueText } from "./json.ts";

test("values are read, not deciphered", () => {
  expect([null, "JFK", 2013, 336776, 0.123456789, true, ["a", 1], { a: 1 }].map((one) => valueText(one, "en"))).toEqual(
    ["–", "JFK", "2013", "336,776", "0.123457", "true", '["a",1]', '{"a":1}'],
  );
});

test("only objects have entries", () => {
  expect(entriesOf({ a: 1 })).toEqual([["a", 1]]);
  expect([entriesOf([1]), entriesOf(null), entriesOf("a")]).toEqual([[], [], []]);
});
