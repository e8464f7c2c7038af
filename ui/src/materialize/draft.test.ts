import { expect, test } from "vitest";
import { askedOf, fieldsOf, withAnother, without, withValue } from "./draft.ts";
import { Wrong } from "./fields.ts";

test("what is written is asked for, and a field that is empty is what holds anyway", () => {
  let draft = withValue({}, "train.depth", 0, 3);
  draft = withAnother(draft, "train.depth");
  expect(askedOf(draft)).toEqual({ "train.depth": [3] });
  draft = withValue(draft, "train.depth", 1, 6);
  expect(askedOf(draft)).toEqual({ "train.depth": [3, 6] });
  expect(askedOf(without(draft, "train.depth", 0))).toEqual({ "train.depth": [6] });
  expect(askedOf(withValue({}, "train.depth", 0, undefined))).toEqual({});
});

test("nothing is asked for while something is no value", () => {
  expect(askedOf({ a: [1], b: [[new Wrong("x", "expected a number")]] })).toBe(null);
});

test("there is a field for each parameter", () => {
  expect(fieldsOf({}, "a")).toEqual([undefined]);
  expect(fieldsOf({ a: [] }, "a")).toEqual([undefined]);
});
