import { expect, test } from "vitest";
import { found, listed, nameOf, shown } from "./shortcuts.ts";

const NONE = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };
const ALL = [{ keys: "g a" }, { keys: "g r" }, { keys: "a" }, { keys: "mod+k" }, { keys: "?" }];

test("two keys after each other are another shortcut than the second one alone", () => {
  const { begun, shortcut } = found(ALL, "", "g");
  expect(shortcut).toBe(null);
  expect(found(ALL, begun, "a").shortcut).toEqual({ keys: "g a" });
  expect(found(ALL, "", "a").shortcut).toEqual({ keys: "a" });
});

test("a sequence that comes to nothing is forgotten", () => {
  expect(found(ALL, "g", "x")).toEqual({ shortcut: null, begun: "" });
  expect(found(ALL, "g", "g")).toEqual({ shortcut: null, begun: "g" });
});

test("of two with the same keys the later one is meant", () => {
  const page = { keys: "escape", of: "page" };
  const dialog = { keys: "escape", of: "dialog" };
  expect(found([page, dialog], "", "escape").shortcut).toBe(dialog);
});

test("keys have names", () => {
  expect(nameOf({ ...NONE, key: "k", metaKey: true })).toBe("mod+k");
  expect(nameOf({ ...NONE, key: "?", shiftKey: true })).toBe("?");
  expect(nameOf({ ...NONE, key: "Enter", shiftKey: true })).toBe("shift+enter");
  expect(nameOf({ ...NONE, key: "Shift", shiftKey: true })).toBe(null);
});

test("keys are shown as they are printed on keyboards", () => {
  expect(shown("mod+k", true)).toEqual(["⌘K"]);
  expect(shown("mod+k", false)).toEqual(["Ctrl K"]);
  expect(shown("g a", false)).toEqual(["g", "a"]);
  expect(shown("escape", false)).toEqual(["esc"]);
  expect(shown("arrowleft", false)).toEqual(["←"]);
});

test("what keys do is listed once, by all keys that do it, and not where something else lies on top", () => {
  const all = [
    { keys: "mod+k", label: "Find anything" },
    { keys: "/", label: "Find anything" },
    { keys: "m", label: "Materialize" },
    { keys: "m", label: "Materialize" },
    { keys: "/", label: "Search the logs" },
  ];
  expect(listed(all)).toEqual([
    { label: "Find anything", keys: ["mod+k"] },
    { label: "Materialize", keys: ["m"] },
    { label: "Search the logs", keys: ["/"] },
  ]);
  expect(listed(all.slice(0, 2))).toEqual([{ label: "Find anything", keys: ["mod+k", "/"] }]);
});
