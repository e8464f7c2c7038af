import fc from "fast-check";
import { expect, test } from "vitest";
import {
  begins,
  byWhom,
  levelsIn,
  levelsOf,
  matched,
  NO_LINES,
  nextUnnamed,
  ofAttempt,
  ofLevels,
  stepName,
  stepped,
  stepsIn,
  toggled,
  withEarlier,
  withFolds,
  withMore,
} from "./lines.ts";

const line = (number: number, step = 0) => ({
  cursor: `c${number}`,
  step,
  attempt: 1,
  check: "",
  number,
  text: `line ${number}`,
});

/** Lines `from` to `to` of a hundred, as the server has them. */
const page = (from: number, to: number, isOver = false) => ({
  nodes: Array.from({ length: to - from + 1 }, (_, n) => line(from + n)),
  startCursor: to < from ? null : `c${from}`,
  endCursor: to < from ? null : `c${to}`,
  hasNextPage: to < 100,
  hasPreviousPage: from > 1,
  isOver,
});

test("lines are read from the middle in both directions, each once and in order", () => {
  const middle = withMore(NO_LINES, page(41, 60));
  expect(middle).toMatchObject({ start: "c41", end: "c60", hasEarlier: true, hasMore: true });
  const all = withMore(withEarlier(middle, page(1, 40)), page(61, 100));
  expect(all.nodes.map(({ number }) => number)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  expect(all).toMatchObject({ earlier: 40, start: "c1", end: "c100", hasEarlier: false, hasMore: false });
});

test("what is asked for again while nothing was printed stays as it is, until it is over", () => {
  const held = withMore(NO_LINES, page(1, 100));
  const again = withMore(held, { ...page(101, 100), hasNextPage: false, hasPreviousPage: true });
  expect(again).toEqual(held);
  expect(again.nodes).toBe(held.nodes);
  expect(withMore(held, { ...page(101, 100), hasNextPage: false, isOver: true }).isOver).toBe(true);
});

test("a name stands where another step or attempt begins", () => {
  expect(begins(line(1), undefined)).toBe(true);
  expect(begins(line(2), line(1))).toBe(false);
  expect(begins(line(1, 3), line(9, 2))).toBe(true);
  expect(byWhom(line(1))).toBe("");
  expect(byWhom({ ...line(1), attempt: 2, check: "not_empty" })).toBe("attempt 2, check not_empty");
});

const said = (...texts: string[]) => levelsOf(texts.map((text, n) => ({ ...line(n), text })));

test("how grave a line is can be seen, and what stands below it is as grave", () => {
  expect(said("ERROR no rows", "ValueError: no rate", "sqlalchemy.exc.OperationalError: gone")).toEqual([
    "error",
    "error",
    "error",
  ]);
  expect(said("no errors", "terror", "an Error was avoided", "2026-01-01 INFO x: done")).toEqual(
    new Array(4).fill("other"),
  );
  expect(said("2026-01-01 WARNING x: old", "  of 2025", "a.py:3: UserWarning: soon", "then")).toEqual([
    "warning",
    "warning",
    "warning",
    "other",
  ]);
});

test("a traceback is an error from its first line to its exception, whatever that is called", () => {
  expect(
    said("before", "Traceback (most recent call last):", '  File "a.py", line 1', "    go()", "Stop: now", "after"),
  ).toEqual(["other", "error", "error", "error", "error", "other"]);
  const next = [line(1), { ...line(2), step: 1 }].map((one) => ({ ...one, text: "  indented" }));
  expect(levelsOf([{ ...line(0), text: "ERROR x" }, ...next])).toEqual(["error", "error", "other"]);
});

test("of some levels alone lines keep their order, and it is known how many of them came before", () => {
  const texts = ["ERROR a", "b", "c", "ERROR d"];
  const held = { ...NO_LINES, nodes: texts.map((text, n) => ({ ...line(n), text })), earlier: 3 };
  const { lines, levels, counts } = ofLevels(held, levelsIn("error"));
  expect(lines.nodes.map(({ number }) => number)).toEqual([0, 3]);
  expect([lines.earlier, levels, counts]).toEqual([1, ["error", "error"], { error: 2, warning: 0, other: 2 }]);
  expect(ofLevels(held, levelsIn("")).lines).toBe(held);
});

test("what a step printed is folded to its first line, which says for how many more it stands", () => {
  const nodes = [line(1), line(2), line(3), line(4, 7), line(5, 7), { ...line(6, 7), attempt: 2 }];
  const held = { ...NO_LINES, nodes, earlier: 2 };
  const levels = levelsOf(nodes);
  const { lines, hidden, ...found } = withFolds(
    { lines: held, levels },
    (block) => block === "0 1 " || block === "7 2 ",
  );
  expect(lines.nodes.map(({ number }) => number)).toEqual([1, 4, 5, 6]);
  expect([...hidden]).toEqual([["c1", 2]]);
  expect([lines.earlier, found.levels.length]).toEqual([1, 4]);
  expect(withFolds({ lines: held, levels }, () => false).lines).toBe(held);
});

test("levels are shown and left out one by one, and never all left out", () => {
  expect([...levelsIn("")]).toEqual(["error", "warning", "other"]);
  expect([...levelsIn("warning,error,none")]).toEqual(["error", "warning"]);
  expect(toggled(levelsIn(""), "other")).toBe("error,warning");
  expect(toggled(levelsIn("error,warning"), "other")).toBe(null);
  expect(toggled(levelsIn("error"), "error")).toBe(null);
});

test("matches are walked around the end", () => {
  expect([stepped(-1, 1, 3), stepped(2, 1, 3), stepped(0, -1, 3), stepped(-1, -1, 3), stepped(4, 1, 0)]).toEqual([
    0, 0, 2, 2, -1,
  ]);
});

test("what was searched for is marked in whatever case, and nothing is lost", () => {
  expect(matched("Error: an error", "error")).toEqual([
    { text: "Error", isMatch: true },
    { text: ": an ", isMatch: false },
    { text: "error", isMatch: true },
  ]);
  fc.assert(
    fc.property(fc.string(), fc.string({ maxLength: 2 }), (text, search) => {
      expect(
        matched(text, search)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
    }),
  );
});

test("steps are named by what they make, each asked for once", () => {
  expect(stepName({ assets: ["a", "b"], partition: "2026-01-01" })).toBe("a, b 2026-01-01");
  expect(stepName({ assets: ["a"], partition: "" })).toBe("a");
  const names = new Map([[3, "a"]]);
  expect(nextUnnamed([9, 3, 5], names, new Set())).toBe(5);
  expect(nextUnnamed([9, 3, 5], names, new Set([5]))).toBe(9);
  expect(nextUnnamed([3], names, new Set())).toBe(null);
});

test("one attempt of a step is shown alone, with what came before where it was", () => {
  const nodes = [1, 1, 2, 3, 3].map((attempt, n) => ({ ...line(n), attempt }));
  const lines = { ...NO_LINES, nodes, earlier: 4 };
  expect(ofAttempt(lines, "3")).toEqual({ ...lines, nodes: nodes.slice(3), earlier: 1 });
  expect(ofAttempt(lines, "")).toBe(lines);
});

test("lines in sight are of some steps, each told once", () => {
  const nodes = [4, 4, 7, 7, 4, 9].map((step, n) => line(n, step));
  expect(stepsIn(nodes, 1, 4)).toEqual([4, 7]);
  expect(stepsIn(nodes, 0, -1)).toEqual([]);
});
