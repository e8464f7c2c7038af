import { expect, test } from "vitest";
import { erasOf, goneOf, stepsOf } from "./changes.ts";

const version = (id: string, types: Record<string, string>) => ({
  id,
  columns: {
    nodes: Object.entries(types).map(([name, type]) => ({
      name,
      type: type.replace("?", ""),
      nullable: type.endsWith("?"),
    })),
  },
});

test("what came, went or is of another type is told of the version that has it so", () => {
  const steps = stepsOf([
    version("d", { day: "date32", fare: "double?" }),
    version("c", { day: "date32", fare: "double" }),
    version("b", { day: "date32", fare: "double" }),
    version("a", { day: "string", price: "double" }),
  ]);
  expect(steps.map(({ before, after }) => [before.id, after.id])).toEqual([
    ["c", "d"],
    ["a", "b"],
  ]);
  expect(steps[0]?.changes).toEqual([{ name: "fare", before: "double", after: "double?" }]);
  expect(steps[1]?.changes).toEqual([
    { name: "day", before: "string", after: "date32" },
    { name: "fare", before: null, after: "double" },
    { name: "price", before: "double", after: null },
  ]);
});

test("columns in another order are the same ones, and one version has changed nothing", () => {
  expect(stepsOf([version("b", { x: "int64", y: "int64" }), version("a", { y: "int64", x: "int64" })])).toEqual([]);
  expect(stepsOf([version("a", { x: "int64" })])).toEqual([]);
});

test("a column has eras, from when it came on, also while it was away", () => {
  const all = [
    version("e", { day: "date32", fare: "double" }),
    version("d", { day: "date32" }),
    version("c", { day: "date32", fare: "double?" }),
    version("b", { day: "date32", fare: "double?", toll: "int64" }),
    version("a", { day: "string" }),
  ];
  expect(erasOf(all, "fare").map(({ type, since, versions }) => [type, since.id, versions])).toEqual([
    ["double?", "b", 2],
    [null, "d", 1],
    ["double", "e", 1],
  ]);
  expect(erasOf(all, "day").map(({ type, versions }) => [type, versions])).toEqual([
    ["string", 1],
    ["date32", 4],
  ]);
  expect(erasOf(all, "nothing")).toEqual([]);
  expect(goneOf(all)).toEqual(["toll"]);
});
