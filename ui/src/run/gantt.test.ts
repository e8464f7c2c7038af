import fc from "fast-check";
import { expect, test } from "vitest";
import type { StepRow } from "./documents.ts";
import { closedIn, handedOver, inGroups, isGroup, rowKey, withClosed, withStarting } from "./gantt.ts";

const BEGIN = new Date("2026-11-27T12:00:00Z").getTime();
const at = (ms: number) => new Date(BEGIN + ms).toISOString();
const step = (number: number, asset: string, from: number | null, took: number | null, status?: string): StepRow => ({
  number,
  assets: [asset],
  partition: "",
  status: status ?? (took === null ? "running" : "succeeded"),
  attempt: 1,
  startedAt: from === null ? null : at(from),
  durationMs: took,
});
const groups = new Map([
  ["raw", "ingest"],
  ["sales", "daily"],
  ["names", "ingest"],
]);
const NONE: ReadonlySet<string> = new Set();

test("steps stand below the group of what they make, groups as they come first", () => {
  const rows = [
    step(0, "raw", 10, 90),
    step(1, "sales", 120, null),
    step(2, "names", 200, 100, "failed"),
    step(3, "names[2]", 0, 10),
    step(4, "mine", null, null, "reused"),
  ];
  const found = inGroups(rows, groups, NONE, BEGIN);
  expect(found.map(rowKey)).toEqual(["group ingest", "0", "2", "3", "group daily", "1", "group ", "4"]);
  const heads = found.filter(isGroup);
  expect(heads.map(({ steps, lap }) => [steps, lap])).toEqual([
    [3, { start: 0, took: 300 }],
    [1, { start: 120, took: null }], // it goes on
    [1, null],
  ]);
  expect(heads[0]?.shares.map(({ status, count }) => [status, count])).toEqual([
    ["failed", 1],
    ["succeeded", 2],
  ]);
});

test("of a group that is closed only its head is there; where all are of one there is no head", () => {
  const rows = [step(0, "raw", 0, 1), step(1, "sales", 1, 1)];
  expect(inGroups(rows, groups, new Set(["ingest"]), BEGIN).map(rowKey)).toEqual(["group ingest", "group daily", "1"]);
  expect(inGroups(rows.slice(1), groups, new Set(["daily"]), BEGIN)).toEqual(rows.slice(1));
  expect(inGroups(rows, new Map(), NONE, BEGIN)).toBe(rows);
});

test("an address says which groups are closed, whatever they are called", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string().filter((name) => name !== "-")), fc.string(), (names, other) => {
      const closed = names.reduce<ReadonlySet<string>>((before, name) => closedIn(withClosed(before, name)), new Set());
      expect([...closed].sort()).toEqual([...names].sort());
      if (other !== "-")
        expect([...closedIn(withClosed(closedIn(withClosed(closed, other)), other))].sort()).toEqual([...names].sort());
    }),
  );
});

test("what another system has not been given yet is starting", () => {
  const told = (type: string, attempt: number, ms: number) => ({
    type,
    recordedAt: at(ms),
    data: { step: 7, attempt },
  });
  // the newest first, as they are asked for
  const jobs = handedOver(
    [told("job.prepared", 2, 90), told("job.submitted", 1, 40), told("job.prepared", 1, 30)],
    BEGIN,
  );
  expect([...jobs]).toEqual([
    ["7 2", null],
    ["7 1", 40],
  ]);
  const rows = [{ ...step(7, "raw", 80, null), attempt: 2 }, step(8, "sales", 80, null)];
  expect(withStarting(rows, jobs).map(({ status }) => status)).toEqual(["starting", "running"]);
  expect(withStarting(rows, new Map([["7 2", 95]]))).toEqual(rows);
});
