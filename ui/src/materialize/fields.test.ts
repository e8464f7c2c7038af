import { expect, test } from "vitest";
import { hintOf, kindOf, readAs, textOf, Wrong, written, wrongIn } from "./fields.ts";

const of = (schema: Record<string, unknown>) => kindOf(schema, schema);

test("types of functions are fields, and what has none is written as JSON", () => {
  expect(of({ type: "integer", minimum: 1, maximum: 90 })).toMatchObject({ kind: "number", least: 1, most: 90 });
  expect(of({ type: "integer", exclusiveMinimum: 0 })).toMatchObject({ least: 1 });
  expect(of({ anyOf: [{ type: "number" }, { type: "null" }] })).toMatchObject({ kind: "number", isWhole: false });
  expect(of({ enum: ["a", "b"], type: "string" })).toEqual({ kind: "choice", values: ["a", "b"] });
  expect(of({ type: "string", format: "date" })).toEqual({ kind: "text", format: "date" });
  expect(of({ type: "array", items: { type: "integer" } })).toEqual({ kind: "list", of: { type: "integer" } });
  expect(of({ anyOf: [{ type: "integer" }, { type: "string" }] })).toEqual({ kind: "json" });
  expect(of({ type: "object", additionalProperties: { type: "integer" } })).toEqual({ kind: "json" });
  expect(of({})).toEqual({ kind: "json" });
});

test("what is nested is found behind references, which may lead nowhere", () => {
  const root = {
    $defs: { N: { type: "object", properties: { depth: { type: "integer", default: 3 } }, required: ["depth"] } },
    type: "object",
    properties: { child: { $ref: "#/$defs/N" }, none: { $ref: "#/$defs/M" } },
  };
  const kind = kindOf(root, root);
  expect(kind).toMatchObject({ kind: "object", fields: [{ name: "child", required: false }, { name: "none" }] });
  expect(kindOf({ $ref: "#/$defs/N" }, root)).toMatchObject({
    fields: [{ name: "depth", required: true, default: 3 }],
  });
  expect(kindOf({ $ref: "#/$defs/M" }, root)).toEqual({ kind: "json" });
});

test("a number is within its bounds, and whole where it has to be", () => {
  const kind = of({ type: "integer", minimum: 1, maximum: 90 });
  expect(["7", " 7 ", ""].map((text) => readAs(kind, text))).toEqual([7, 7, undefined]);
  for (const text of ["0", "91", "7.5", "seven", "0x10", "1e999"])
    expect(readAs(kind, text)).toEqual(new Wrong(text, "expected a whole number from 1 to 90"));
  expect(readAs(of({ type: "number" }), "1.5e-3")).toBe(0.0015);
});

test("what is no value is kept as it was written, and found wherever it is nested", () => {
  const wrong = readAs(of({}), "{");
  expect(textOf(wrong)).toBe("{");
  expect(wrongIn([{ a: wrong }])).toMatch(/expected JSON/);
  expect(wrongIn([{ a: 1 }, null])).toBe(null);
});

test("an object of which nothing is written is not there", () => {
  expect(written(undefined, "a", 1)).toEqual({ a: 1 });
  expect(written({ a: 1, b: 2 }, "a", undefined)).toEqual({ b: 2 });
  expect(written({ a: 1 }, "a", undefined)).toBe(undefined);
});

test("what may be written is said", () => {
  expect(hintOf(of({ type: "number", maximum: 1 }))).toBe("a number up to 1");
  expect(hintOf(of({ type: "string", format: "date-time" }))).toBe("a date and time");
});
