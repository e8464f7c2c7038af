import { expect, test } from "vitest";
import { askedFor, isSelection, NOT_NARROWED, ofKeys, term, toggled } from "./selection.ts";

test.each(["status:stale", "flights/*", "weather+", "not daily", "a, b", "(a)"])("%s is a selection", (text) => {
  expect(isSelection(text)).toBe(true);
});

test.each(["delays", "flights/daily", "android notes", "ordinary"])("%s is a text to search for", (text) => {
  expect(isSelection(text)).toBe(false);
});

test("what was clicked narrows what was typed", () => {
  const narrowed = { ...NOT_NARROWED, status: ["stale", "missing"], group: ["reports"] };
  expect(askedFor("", narrowed)).toEqual({
    selection: "(status:stale or status:missing) and group:reports",
    search: null,
  });
  expect(askedFor("delay", narrowed).search).toBe("delay");
  expect(askedFor("a or b", narrowed).selection).toBe(
    "(a or b) and (status:stale or status:missing) and group:reports",
  );
});

test("who asks for nothing gets all", () => {
  expect(askedFor("  ", NOT_NARROWED)).toEqual({ selection: "*", search: null });
});

test("values that hold marks of the language are quoted", () => {
  expect(term("owner", "team:data")).toBe("owner:team:data");
  expect(term("tag", "lang=c++")).toBe('tag:"lang=c++"');
  expect(term("group", 'a "b"')).toBe(`group:"a "'"'"b"'"'""`);
});

test("a click more takes it back", () => {
  expect(toggled(["a"], "b")).toEqual(["a", "b"]);
  expect(toggled(["a", "b"], "a")).toEqual(["b"]);
});

test("keys that would be words of the language are quoted", () => {
  expect(ofKeys(["a/b", "not", "12"])).toBe('a/b, "not", "12"');
});
