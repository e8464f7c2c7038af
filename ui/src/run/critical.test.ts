import { expect, test } from "vitest";
import { critical, groupsOf, notBegun, readsOf, type Timed } from "./critical.ts";

const BEGIN = new Date("2026-11-27T12:00:00Z").getTime();
const step = (number: number, asset: string, from: number, to: number | null, partition = ""): Timed => ({
  number,
  assets: [asset],
  partition,
  status: to === null ? "running" : "succeeded",
  startedAt: new Date(BEGIN + from * 1000).toISOString(),
  durationMs: to === null ? null : (to - from) * 1000,
});
const reads = new Map([
  ["report", ["sales", "names"]],
  ["sales", ["raw"]],
]);

test("the chain leads from the step that ended last over what ended last of what each reads", () => {
  const { path, ready } = critical(
    [step(0, "raw", 0, 10), step(1, "names", 0, 2), step(2, "sales", 10, 14), step(3, "report", 15, 16)],
    reads,
  );
  expect([...path]).toEqual([3, 2, 0]);
  expect([...ready].map(([number, at]) => [number, (at - BEGIN) / 1000])).toEqual([
    [2, 10],
    [3, 14],
  ]);
});

test("of the same partition only that one is read; what reads none of it waits for the last", () => {
  const { path } = critical(
    [
      step(0, "raw", 0, 3, "us"),
      step(1, "raw", 0, 8, "eu"),
      step(2, "sales", 9, 20, "us"),
      step(3, "sales", 9, 11, "eu"),
      step(4, "report", 21, 22),
    ],
    reads,
  );
  expect([...path]).toEqual([4, 2, 0]);
});

test("while it goes on the chain ends at what goes on for longest; what took an earlier result has no time", () => {
  const reused: Timed = { ...step(0, "raw", 0, 0), status: "reused", startedAt: null, durationMs: null };
  const { path, ready } = critical([reused, step(1, "sales", 1, null), step(2, "names", 2, null)], reads);
  expect([...path]).toEqual([1]);
  expect(ready.size).toBe(0);
  expect([...critical([reused], reads).path]).toEqual([]);
});

test("edges are told by asset", () => {
  expect([...readsOf({ keys: ["a", "b"], edgesFrom: [0], edgesTo: [1] })]).toEqual([["b", ["a"]]]);
});

test("so are their groups", () => {
  const found = groupsOf({ keys: ["a", "b"], groups: ["daily", ""], groupOf: [1, 0] });
  expect([...found]).toEqual([
    ["a", ""],
    ["b", "daily"],
  ]);
});

test("what nobody has begun is named by number, the first ones only", () => {
  const planned = [
    { assets: ["raw"], action: "RUN", first: 0, steps: 1, partitions: { text: "" } },
    { assets: ["sales"], action: "RUN", first: 1, steps: 40, partitions: { text: "2026-01-01..2026-02-09" } },
    { assets: ["old"], action: "BLOCKED", first: 0, steps: 0, partitions: { text: "" } },
  ];
  const found = notBegun(planned, new Set([0, 2]), 3);
  expect(found.map(({ number, assets, partition }) => [number, assets[0], partition])).toEqual([
    [1, "sales", ""],
    [3, "sales", ""],
    [4, "sales", ""],
  ]);
});
