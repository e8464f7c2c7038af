import fc from "fast-check";
import { expect, test } from "vitest";
import { addressOf, changed, listAs, listIn, pathOf, viewIn } from "./address.ts";

test("a link stays in the project, the environment and the moment", () => {
  expect(addressOf("/runs", { status: "FAILED" }, "env=dev&asOf=48211&q=x")).toBe(
    "/runs?status=FAILED&env=dev&asOf=48211",
  );
});

test("a link may leave them", () => {
  expect(addressOf("/runs", { asOf: null }, "env=dev&asOf=48211")).toBe("/runs?env=dev");
  expect(addressOf("/runs", { asOf: "7" }, "asOf=48211")).toBe("/runs?asOf=7");
});

test("without a word in the address it is prod, now", () => {
  expect(viewIn("")).toEqual({ project: null, environment: "prod", asOf: null });
});

test("what is empty does not stand in the address", () => {
  expect(changed("q=a&group=b", { q: "", group: null, status: "stale" })).toBe("status=stale");
});

test("a path keeps the slashes of an asset's key and nothing else", () => {
  expect(pathOf("assets", "flights/daily", "columns", "a?b")).toBe("/assets/flights/daily/columns/a%3Fb");
});

test("any list is read as it was written, through an address", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1, unit: "grapheme" })), (values) => {
      const search = changed("", { list: listAs(values) });
      expect(listIn(new URLSearchParams(search).get("list") ?? "")).toEqual(values);
    }),
  );
});
