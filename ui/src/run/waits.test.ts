import { expect, test } from "vitest";
import type { Wait } from "./documents.ts";
import { jobText, notRun, type Piece, waitPieces } from "./waits.ts";

const NOTHING: Wait = {
  kind: "TURN",
  count: 0,
  engines: [],
  until: null,
  pool: "",
  limit: null,
  steps: [],
  slots: [],
};
const said = (pieces: readonly Piece[]) =>
  pieces.map((piece) => (typeof piece === "string" ? piece : `<${piece.text} ${piece.run}.${piece.step}>`)).join("");
const step = (n: number, partition = "") => ({ run: "r1", step: n, assets: ["orders"], partition });

test("a step waits for others, each named, and for how many more", () => {
  expect(said(waitPieces({ ...NOTHING, kind: "STEPS", steps: [step(0, "us"), step(1)], count: 12 }))).toBe(
    "<orders us r1.0>, <orders r1.1> and 10 more steps to end",
  );
  expect(said(waitPieces({ ...NOTHING, kind: "OTHER", steps: [{ ...step(7), run: "r2" }], count: 1 }))).toBe(
    "<orders r2.7>, which makes the same",
  );
});

test("that nothing serves it is told with what would", () => {
  expect(said(waitPieces({ ...NOTHING, kind: "ENGINE" }))).toContain("`latewood engine` starts one");
  expect(said(waitPieces({ ...NOTHING, kind: "ENGINE", engines: ["host:1"] }))).toBe(
    "an engine to take its run: host:1",
  );
});

test("who has the slots is told, with the way to their steps", () => {
  const slots = [
    { holder: "orders of run r2", run: "r2", step: 3, since: "2026-01-01T00:00:00Z" },
    { holder: "somebody", run: null, step: null, since: "2026-01-01T00:00:00Z" },
  ];
  expect(said(waitPieces({ ...NOTHING, kind: "SLOT", pool: "db", limit: 2, slots }))).toBe(
    "a slot of pool db, all 2 taken: <orders of run r2 r2.3>, somebody",
  );
  expect(said(waitPieces({ ...NOTHING, kind: "SLOT", limit: 9 }))).toBe("a slot of the quota, all 9 taken");
});

test("why a step was not run is said, with the step for which it was not", () => {
  const why = {
    decision: "SKIPPED" as const,
    assets: [],
    partition: "",
    skipped: null,
    because: null,
    noReuse: "",
    lost: [],
    taken: [],
  };
  expect(said(notRun({ ...why, skipped: "UPSTREAM_FAILED", because: 3 }, "r1"))).toBe(
    "What it reads was not made: <step 3 r1.3>",
  );
  expect(said(notRun({ ...why, skipped: "RETRACTED" }, "r1"))).toBe("What it would have made was declared to be wrong");
  expect(notRun({ ...why, decision: "RUN" }, "r1")).toEqual([]);
});

test("a job is told by what the other system calls it, and whether it is known to be there at all", () => {
  const job = { attempt: 1, connector: "spark", key: "k1", handle: "", state: "", link: "" };
  expect(jobText(job)).toBe("spark k1; nobody knows yet whether it was submitted");
  expect(jobText({ ...job, handle: "app-7", state: "queued" })).toBe("spark app-7, queued");
  expect(jobText({ ...job, handle: "app-7" })).toBe("spark app-7, over");
});
