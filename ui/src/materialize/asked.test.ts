import fc from "fast-check";
import { expect, test } from "vitest";
import { changed } from "@/address/address.ts";
import { askedAs, askedIn, CLOSED, NOTHING, trials, triedIn } from "./asked.ts";

test("whatever is asked for is read from the address as it was written to it", () => {
  const asked = fc.record({
    selection: fc.string(),
    launch: fc.string(),
    partition: fc.string(),
    only: fc.constantFrom("" as const, "MISSING" as const, "STALE" as const, "FAILED" as const),
    force: fc.boolean(),
    tried: fc.dictionary(
      fc.string().filter((name) => name !== "__proto__"),
      fc.array(fc.jsonValue({ noUnicodeString: false }), { minLength: 1 }),
    ),
    zipped: fc.boolean(),
  });
  fc.assert(
    fc.property(asked, (one) => {
      const search = changed("tab=runs", askedAs(one));
      expect(JSON.stringify(askedIn(search))).toBe(JSON.stringify(one));
      expect(changed(search, CLOSED)).toBe("tab=runs");
    }),
  );
});

test("without the word for it nothing is asked for", () => {
  expect(askedIn("sel=orders")).toBe(null);
  expect(askedIn("do=materialize")).toEqual(NOTHING);
});

test("what is no list of values for each parameter is none", () => {
  expect(triedIn('{"train.depth": [3, 6]}')).toEqual({ "train.depth": [3, 6] });
  expect(triedIn('{"train.depth": 3}')).toBe(null);
  expect(triedIn('{"train.depth": []}')).toBe(null);
  expect(triedIn("[1]")).toBe(null);
  expect(triedIn("{")).toBe(null);
});

test("it is made once for every combination of values, or for those that stand together", () => {
  expect(trials({}, false)).toBe(1);
  expect(trials({ a: [1, 2], b: [1, 2, 3] }, false)).toBe(6);
  expect(trials({ a: [1, 2, 3], b: [1, 2, 3], c: [1] }, true)).toBe(3);
  expect(trials({ a: [1, 2, 3], b: [1, 2], c: [1] }, true)).toBe(null);
});
