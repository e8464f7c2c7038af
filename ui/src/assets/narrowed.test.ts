import { expect, test } from "vitest";
import { askedFor, NOT_NARROWED, toggled } from "./narrowed.ts";

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

test("a click more takes it back", () => {
  expect(toggled(["a"], "b")).toEqual(["a", "b"]);
  expect(toggled(["a", "b"], "a")).toEqual(["b"]);
});
