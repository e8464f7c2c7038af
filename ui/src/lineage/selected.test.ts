import { expect, test } from "vitest";
import { selected } from "./selected.ts";

const graph = {
  keys: ["a/x", "a/y", "b/x", "b/y", "lone"],
  groups: ["a", "b b", ""],
  groupOf: Uint32Array.from([0, 0, 1, 1, 2]),
};

test("whole groups are selected by their names, in what is selected already", () => {
  expect(selected(graph, [0, 1], "")).toBe("group:a");
  expect(selected(graph, [0, 1, 2, 3], "*")).toBe('group:a or group:"b b"');
  expect(selected(graph, [0, 1], "status:stale or a/x")).toBe("(status:stale or a/x) and group:a");
  expect(selected(graph, [0, 1, 2, 3], "+a/x")).toBe('(+a/x) and (group:a or group:"b b")');
});

test("an asset, a part of a group and what is in no group are selected by their keys", () => {
  expect(selected(graph, [0], "*")).toBe("a/x");
  expect(selected(graph, [0, 2], "*")).toBe("a/x, b/x");
  expect(selected(graph, [0, 1, 4], "*")).toBe("a/x, a/y, lone");
});
