import { expect, test } from "vitest";
import { reason, sentence } from "./sentence.ts";

const FRESH = { status: "FRESH", flags: [], partitioning: null, partitions: [], causes: [] } as const;
const cause = (name: string, count: number, subject = "") => ({
  cause: name,
  subject,
  check: "",
  partitions: { count },
});

test("what is fresh says nothing more, but how many partitions it has", () => {
  expect(sentence(FRESH)).toEqual({ mark: "fresh", word: "fresh", rest: "" });
  const partitions = [{ status: "FRESH", partitions: { count: 365 } }] as const;
  expect(sentence({ ...FRESH, partitioning: { count: 365 }, partitions }).rest).toBe("365 partitions");
});

test("what is stale says how much of it and why, what lies here first", () => {
  const said = sentence({
    ...FRESH,
    status: "STALE",
    partitioning: { count: 365 },
    partitions: [
      { status: "FRESH", partitions: { count: 31 } },
      { status: "STALE", partitions: { count: 330 } },
      { status: "MISSING", partitions: { count: 4 } },
    ],
    causes: [cause("UPSTREAM", 330, "flights/raw"), cause("CODE", 12), cause("INPUT", 2, "airlines"), cause("LOST", 1)],
  });
  expect(said.rest).toBe(
    "330 stale and 4 missing of 365 partitions: its code has changed, airlines has other content, 2 more",
  );
});

test("one number is enough where the word before says of what it is", () => {
  const partitions = [
    { status: "FRESH", partitions: { count: 1 } },
    { status: "STALE", partitions: { count: 11 } },
  ] as const;
  expect(sentence({ ...FRESH, status: "STALE", partitioning: { count: 12 }, partitions }).rest).toBe(
    "11 of 12 partitions",
  );
});

test("a failure is told also where the causes are others", () => {
  const said = sentence({ ...FRESH, status: "STALE", flags: ["FAILED"], causes: [cause("CODE", 1)] });
  expect(said).toEqual({
    mark: "failed",
    word: "failed",
    rest: "the latest attempt failed, its code has changed",
  });
});

test("a cause that is new to this page is said by its name", () => {
  expect(reason("FROM_TOMORROW")).toBe("from tomorrow");
});
