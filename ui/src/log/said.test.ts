import { expect, test } from "vitest";
import { said, saidText, TYPES, typesOf } from "./said.ts";

test("a run that ended says how, and leads there", () => {
  const found = said({ type: "run.ended", assets: [], data: { run: "r 1", status: "failed", ran: 3, failed: 1 } });
  expect(found.mark).toBe("failed");
  expect(saidText(found)).toBe("Run r 1 failed: 1 failed, 3 ran");
  expect(found.parts[1]).toEqual({ text: "r 1", to: "/runs/r%201" });
});

test("of a failure the first line of its message is told", () => {
  const failure = { error: "ValueError", message: "no rate\nfor EUR" };
  const found = said({ type: "step.failed", assets: ["a/b"], data: { run: "r", step: 1, failure } });
  expect(saidText(found)).toBe("a/b failed: ValueError: no rate");
});

test("of many assets the first is named", () => {
  expect(saidText(said({ type: "heads.moved", assets: ["a", "b", "c"], data: { reason: "rolled back" } }))).toBe(
    "a and 2 others: rolled back",
  );
});

test("no event is without words, whatever it lacks", () => {
  for (const type of [...TYPES, "something.new"])
    for (const data of [{}, null]) expect(saidText(said({ type, assets: [], data }))).not.toBe("");
});

test("a filter is a subject, a type or nothing", () => {
  expect(typesOf("pool")).toEqual(["pool.removed", "pool.set"]);
  expect(typesOf("run.ended")).toEqual(["run.ended"]);
  expect(typesOf("")).toBe(null);
});

test("of an automation what came of looking at it is told", () => {
  const told = (data: object) => saidText(said({ type: "sensor.evaluated", assets: [], data: { name: "s", ...data } }));
  expect(told({})).toBe("s had nothing to do");
  expect(told({ skipped: "no new file" })).toBe("s: no new file");
  expect(told({ requests: [{ run: "a" }, { run: "b" }] })).toBe("s asked for run a and 1 other");
  expect(told({ problem: "gone\nline 2", requests: [] })).toBe("s: gone");
});
