import { expect, test } from "vitest";
import { isSelection, keyTerm, ofKeys, term, tokens, unquoted } from "./language.ts";

test("a text is split as the server splits it", () => {
  expect(tokens('2+(a, tag:x="b c")+1 and not d').map(({ kind, raw }) => [kind, raw])).toEqual([
    ["depth", "2"],
    ["mark", "+"],
    ["mark", "("],
    ["text", "a"],
    ["mark", ","],
    ["text", 'tag:x="b c"'],
    ["mark", ")"],
    ["mark", "+"],
    ["depth", "1"],
    ["word", "and"],
    ["word", "not"],
    ["text", "d"],
  ]);
});

test.each(["status:stale", "flights/*", "weather+", "not daily", "a, b", "(a)", '"a b"'])(
  "%s is a selection",
  (text) => {
    expect(isSelection(text)).toBe(true);
  },
);

test.each(["delays", "flights/daily", "android notes", "ordinary", "2013"])("%s is a text to search for", (text) => {
  expect(isSelection(text)).toBe(false);
});

test.each([`a "b"`, "c++", "it's", "a, b", "(x)"])("a value such as %s is quoted, and means itself", (value) => {
  const written = term("tag", value);
  expect(tokens(written)).toHaveLength(1);
  expect(unquoted(written)).toBe(`tag:${value}`);
});

test("a value that holds no mark of the language stands as it is", () => {
  expect(term("owner", "team:data")).toBe("owner:team:data");
});

test("keys that would be words of the language are quoted", () => {
  expect(ofKeys(["a/b", "not", "12"])).toBe('a/b, "not", "12"');
  expect(keyTerm("group:x")).toBe('"group:x"');
});
