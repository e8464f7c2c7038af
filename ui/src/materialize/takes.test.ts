import { expect, test } from "vitest";
import type { Target } from "./documents.ts";
import { takenBy } from "./takes.ts";

const target = (key: string, task: string, ...names: string[]): Target => ({
  key,
  origin: "MADE",
  location: "story.py",
  task,
  partitioning: null,
  parameters: names.map((name) => ({ name, jsonSchema: { type: "integer" }, default: 3, required: name === "must" })),
});

test("a task that makes several assets takes its parameters once", () => {
  const found = takenBy([target("a", "both", "depth"), target("none", "n"), target("b", "both", "depth")], []);
  expect(found.map(({ assets, parameters }) => [assets, parameters.map(({ key }) => key)])).toEqual([
    [["a", "b"], ["a.depth"]],
  ]);
});

test("what is pinned stands in place of what the code says", () => {
  const pins = [{ asset: "b", name: "depth", value: 9 }];
  const [first, second] = takenBy([target("a", "x", "depth", "must"), target("b", "y", "depth")], pins);
  expect(first!.parameters.map(({ standing, isPinned }) => [standing, isPinned])).toEqual([
    [3, false],
    [undefined, false],
  ]);
  expect(second!.parameters[0]).toMatchObject({ standing: 9, isPinned: true });
});
