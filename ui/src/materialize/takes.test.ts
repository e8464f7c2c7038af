import { expect, test } from "vitest";
import type { Target } from "./documents.ts";
import { takenBy, takenByName } from "./takes.ts";

const target = (key: string, task: string, ...names: string[]): Target => ({
  key,
  origin: "MADE",
  location: "story.py",
  task,
  partitioning: null,
  parameters: names.map((name) => ({
    name,
    jsonSchema: { type: "integer" },
    required: name === "must",
    pinned: name === "pinned",
    standing: name === "must" ? null : name === "pinned" ? 9 : 3,
  })),
});

test("a task that makes several assets takes its parameters once", () => {
  const found = takenBy([target("a", "both", "depth"), target("none", "n"), target("b", "both", "depth")]);
  expect(found.map(({ assets, parameters }) => [assets, parameters.map(({ key }) => key)])).toEqual([
    [["a", "b"], ["a.depth"]],
  ]);
});

test("what is pinned stands in place of what the code says", () => {
  const [found] = takenBy([target("a", "x", "depth", "must", "pinned")]);
  expect(found!.parameters.map(({ standing, isPinned }) => [standing, isPinned])).toEqual([
    [3, false],
    [undefined, false],
    [9, true],
  ]);
});

test("what is launched by name takes its inputs, of which some may be fixed", () => {
  const input = { name: "depth", jsonSchema: { type: "integer" }, default: 5, required: false, isFixed: true };
  const plan = { name: "nightly", location: "story.py", isWorkflow: false, workflow: "training" };
  const launchable = { ...plan, selection: "training/*", description: "", inputs: [input] };
  const [found] = takenByName(launchable);
  expect(found!.parameters).toEqual([
    { key: "depth", name: "depth", schema: { type: "integer" }, standing: 5, isPinned: false, isFixed: true },
  ]);
  expect(takenByName({ ...launchable, inputs: [] })).toEqual([]);
});
