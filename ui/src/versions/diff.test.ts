import { expect, test } from "vitest";
import { diffLines } from "./diff.ts";

test("lines are what they were, what became of them beside", () => {
  const diff = "--- before\n+++ after\n@@ -1,3 +1,3 @@\n def f():\n-    return 1\n+    return 2\n";
  expect(diffLines(diff)).toEqual([
    { kind: "place", text: "@@ -1,3 +1,3 @@" },
    { kind: "same", text: "def f():" },
    { kind: "removed", text: "    return 1" },
    { kind: "added", text: "    return 2" },
  ]);
});

test("a line of the code that looks like the name of a file is one of the code", () => {
  const diff = "--- a\n+++ b\n@@ -1 +1 @@\n--- x\n+++ y\n";
  expect(diffLines(diff).slice(1)).toEqual([
    { kind: "removed", text: "-- x" },
    { kind: "added", text: "++ y" },
  ]);
});
