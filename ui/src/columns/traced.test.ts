import { expect, test } from "vitest";
import { BOX, computedFrom, drawn, knownText, ownPath, type Step, traced } from "./traced.ts";

const step = (of: string, sources: string[], more: Partial<Step> = {}): Step => ({
  ...column(of),
  versionsCount: 1,
  confidence: sources.length > 0 ? "EXACT" : "UNKNOWN",
  expression: "",
  end: sources.length > 0 ? null : "not known: Python",
  sources: sources.map((source) => ({ ...column(source), input: "in" })),
  ...more,
});
function column(of: string) {
  const [asset = "", name = ""] = of.split(".");
  return { asset, column: name };
}
const subject = column("report.worst");

function lines({ boxes, lines }: ReturnType<typeof traced>): string[] {
  const name = (n: number) => `${boxes[n]?.asset}.${boxes[n]?.column}`;
  return lines.map(({ from, to, isPartial }) => `${name(from)} ${isPartial ? "~" : ">"} ${name(to)}`);
}

test("a column stands between what it was computed from and what was computed from it, each column once", () => {
  const found = traced(
    subject,
    [
      step("report.worst", ["late.hours", "raw.minutes"]),
      step("late.hours", ["raw.minutes"]),
      step("raw.minutes", []),
      step("raw.minutes", []),
    ],
    [
      {
        ...column("mail.text"),
        confidence: "EXACT",
        expression: "upper(worst)",
        sources: [{ ...subject, input: "in" }],
      },
    ],
  );
  expect(lines(found)).toEqual([
    "late.hours > report.worst",
    "raw.minutes > report.worst",
    "raw.minutes > late.hours",
    "report.worst > mail.text",
  ]);
  expect(found.boxes.map(({ side, versions }) => [side, versions])).toEqual([
    ["subject", 1],
    ["up", 1],
    ["up", 2],
    ["down", null],
  ]);
  const { at, paths, width, height } = drawn(found);
  const [report, late, raw, mail] = at;
  expect([raw!.x < late!.x, late!.x < report!.x, report!.x < mail!.x]).toEqual([true, true, true]);
  expect(paths).toHaveLength(4);
  expect(at.every(({ x, y }) => x >= 0 && y >= 0 && x + BOX.width <= width && y + BOX.height <= height)).toBe(true);
});

test("where a query was another one, what only some versions were computed from is told apart", () => {
  const found = traced(
    subject,
    [
      step("report.worst", ["late.hours"], { versionsCount: 3 }),
      step("report.worst", ["late.hours", "late.days"], { versionsCount: 2, confidence: "PARTIAL" }),
    ],
    [],
  );
  expect(lines(found)).toEqual(["late.hours > report.worst", "late.days ~ report.worst"]);
  expect(found.boxes.map(knownText)).toEqual(["partly known in 5 versions", "not looked at", "not looked at"]);
});

test("a column has all ways in which it is computed, each once", () => {
  const found = traced(
    subject,
    [
      step("report.worst", ["late.hours"], { expression: "max(hours)" }),
      step("report.worst", ["late.hours"], { expression: "min(hours)" }),
      step("report.worst", ["late.days"], { expression: "max(hours)" }),
      step("late.hours", ["raw.minutes"]),
    ],
    [
      {
        ...column("mail.text"),
        confidence: "EXACT",
        expression: "upper(worst)",
        sources: [{ ...subject, input: "in" }],
      },
    ],
  );
  const of = (name: string) => found.boxes.find((box) => `${box.asset}.${box.column}` === name)?.expressions;
  expect(of("report.worst")).toEqual(["max(hours)", "min(hours)"]);
  expect(of("late.hours")).toEqual([]);
  expect(of("mail.text")).toEqual(["upper(worst)"]);
});

test("its own path is what a column comes from and what comes from it, and nothing beside", () => {
  const found = traced(
    subject,
    [
      step("report.worst", ["late.hours", "late.days"]),
      step("late.hours", ["raw.minutes"]),
      step("late.days", ["raw.minutes", "raw.days"]),
    ],
    [{ ...column("mail.text"), confidence: "EXACT", expression: "", sources: [{ ...subject, input: "in" }] }],
  );
  const at = (name: string) => found.boxes.findIndex((box) => `${box.asset}.${box.column}` === name);
  const path = (name: string) => {
    const { boxes, lines: on } = ownPath(found, at(name));
    return [
      [...boxes].map((n) => found.boxes[n]!.column).sort(),
      lines({ boxes: found.boxes, lines: found.lines.filter((_, n) => on.has(n)) }),
    ];
  };
  expect(path("late.hours")).toEqual([
    ["hours", "minutes", "text", "worst"],
    ["late.hours > report.worst", "raw.minutes > late.hours", "report.worst > mail.text"],
  ]);
  expect(path("report.worst")[1]).toEqual(lines(found));
});

test("what reads its own versions of before is drawn without a way back", () => {
  const found = traced(
    column("total.sum"),
    [step("total.sum", ["total.sum", "day.sales"]), step("day.sales", ["total.sum"])],
    [],
  );
  expect(lines(found)).toHaveLength(1);
  drawn(found);
});

test("how much is known is said in words, and why no more is", () => {
  const said = (more: Partial<Step>) => knownText(traced(subject, [step("report.worst", [], more)], []).boxes[0]!);
  expect(said({})).toBe("not known: Python");
  expect(said({ versionsCount: 12 })).toBe("not known: Python in 12 versions");
  expect(said({ confidence: "EXACT", end: "from no column" })).toBe("from no column");
  expect(said({ confidence: "EXACT", end: null, versionsCount: 2 })).toBe("exactly known in 2 versions");
});

test("of what reads an asset those columns are found that were computed from the wanted ones, by their inputs", () => {
  const version = {
    inputs: [
      { name: "late", asset: "flights/late" },
      { name: "names", asset: "airlines" },
    ],
    columnSources: {
      nodes: [
        {
          column: "worst",
          confidence: "EXACT" as const,
          expression: "max(hours)",
          sources: [{ input: "late", column: "hours" }],
        },
        {
          column: "name",
          confidence: "EXACT" as const,
          expression: "",
          sources: [{ input: "names", column: "hours" }],
        },
      ],
    },
  };
  expect(computedFrom([{ asset: "flights/late", column: "hours" }], "report", version)).toEqual([
    {
      asset: "report",
      column: "worst",
      confidence: "EXACT",
      expression: "max(hours)",
      sources: [{ input: "late", asset: "flights/late", column: "hours" }],
    },
  ]);
});
