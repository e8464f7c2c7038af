import { expect, test } from "vitest";
import type { Finding, Moved } from "./documents.ts";
import { because, brief, inVain, lines, type Piece, unsaid } from "./words.ts";

const NOTHING: Finding = {
  cause: "MISSING",
  asset: "reports/monthly",
  partitions: "",
  subject: "",
  path: "",
  before: "",
  after: "",
  event: null,
  through: [],
  failure: null,
  retraction: null,
  retracted: null,
  observed: false,
  undefinedIn: "",
  pinned: null,
  pinnedBy: null,
  code: [],
  moved: null,
};
const ROLLBACK: Moved = {
  by: "rollback",
  position: 40,
  at: "2026-03-01T00:00:00Z",
  actor: "ann",
  environment: "",
  run: "",
};

function text(pieces: readonly Piece[]): string {
  return pieces
    .map((piece) => {
      if (typeof piece === "string") return piece;
      if ("asset" in piece) return [piece.asset, piece.partitions].filter(Boolean).join(" ");
      return "run" in piece ? piece.run : piece.code;
    })
    .join("");
}

const told = (...findings: Partial<Finding>[]) =>
  lines({ findings: findings.map((one) => ({ ...NOTHING, ...one })), moved: null }).map((line) => text(line.pieces));

test("each part of the code that changed is a line", () => {
  const part = { subject: "part", name: "cleaning.py:clean_delay" };
  expect(
    told({
      cause: "CODE",
      asset: "flights/daily",
      partitions: "2013-02",
      code: [
        { ...part, before: "1", after: "2" },
        { ...part, before: null, after: "2" },
        { subject: "package", name: "pyarrow", before: "20.0.0", after: "21.0.0" },
      ],
    }),
  ).toEqual([
    "cleaning.py:clean_delay changed, used by flights/daily 2013-02",
    "cleaning.py:clean_delay was added, used by flights/daily 2013-02",
    "package pyarrow: 20.0.0 → 21.0.0, used by flights/daily 2013-02",
  ]);
});

test("a failure keeps what was said, and the event that says so", () => {
  const findings = [{ ...NOTHING, cause: "FAILED" as const, failure: "ValueError: no", event: 7, through: ["a"] }];
  expect(lines({ findings, moved: null })).toEqual([
    {
      kind: "failed",
      pieces: ["the latest attempt to make ", { asset: "reports/monthly" }, " failed"],
      said: "ValueError: no",
      through: ["a"],
      event: 7,
    },
  ]);
});

test("parameters, inputs and what is no more are told with what they were", () => {
  expect(
    told(
      { cause: "PARAMETERS", subject: "depth", before: "3", after: "6", pinned: true, pinnedBy: "ann" },
      { cause: "INPUT", subject: "orders", before: `arrow1:${"ab".repeat(32)}`, after: "v2", observed: true },
      { undefinedIn: "dev" },
    ),
  ).toEqual([
    "depth of reports/monthly: 3 → 6 (pinned by ann)",
    "orders was observed: abababab → v2, read by reports/monthly",
    "reports/monthly is not defined in dev any more",
  ]);
});

test("what moved a head is told once, before what it brought about; not where it moved what was asked about", () => {
  const findings = [
    { ...NOTHING, cause: "INPUT" as const, subject: "orders", moved: ROLLBACK },
    { ...NOTHING, cause: "INPUT" as const, subject: "orders", moved: ROLLBACK },
  ];
  expect(lines({ findings, moved: null }).map(({ kind }) => kind)).toEqual(["head", "input", "input"]);
  expect(text(lines({ findings, moved: null })[0]?.pieces ?? [])).toBe(
    "the head of orders was set by a rollback by ann",
  );
  expect(lines({ findings, moved: ROLLBACK }).map(({ kind }) => kind)).toEqual(["input", "input"]);
});

test("digests are known by how they begin, and texts stay", () => {
  expect([brief("0123456789abcdef0123"), brief("2013"), brief("x".repeat(90)).length]).toEqual([
    "01234567",
    "2013",
    60,
  ]);
});

test("why a step was run is read from how it is recorded", () => {
  expect(["missing", "upstream:orders", "input", "code", "artifact lost"].map(because)).toEqual([
    "it was missing",
    "orders was to be made anew",
    "the content of an input changed",
    "its code changed",
    "artifact lost",
  ]);
});

test("running what would make what was retracted does not help, and what does is said", () => {
  expect(text(inVain({ version: "r.1", reason: "the till was broken" }))).toBe(
    "Running it does not help: that would make what was retracted, r.1 (the till was broken). " +
      "Change it, or retract that once more so that it may be made again.",
  );
});

test("of more causes than are shown it is said how many they are", () => {
  const findings = [{ ...NOTHING, cause: "CODE" as const, asset: "a" }];
  expect([1, 2, 1_301].map((findingsCount) => unsaid({ findings, findingsCount }))).toEqual([
    "",
    "and 1 more cause",
    "and 1,300 more causes",
  ]);
});
