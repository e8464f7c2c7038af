import { expect, test } from "vitest";
import type { PlannedAsset } from "./documents.ts";
import { byReason, inAll, withInputs } from "./planned.ts";

type Group = PlannedAsset["groups"][number];

const group = (action: Group["action"], count: number, cause?: Group["reasons"][number]["cause"], subject = "") => ({
  action,
  partitions: { count, text: `the ${count}` },
  reasons: cause ? [{ cause, subject, check: "" }] : [],
});

test("what is planned for the same reason is one line, what is done first before what is not", () => {
  const planned = [
    { assets: ["orders"], groups: [group("BLOCKED", 1, "MISSING")] },
    { assets: ["sales"], groups: [group("REUSE", 9, "CODE"), group("RUN", 2, "MISSING"), group("FRESH", 100)] },
    { assets: ["revenue"], groups: [group("RUN", 3, "MISSING"), group("RUN", 4, "UPSTREAM", "sales")] },
  ];
  expect(byReason(planned)).toEqual([
    { action: "RUN", why: "never made", count: 5, assets: ["sales", "revenue"], partitions: "" },
    { action: "RUN", why: "sales is made anew", count: 4, assets: ["revenue"], partitions: "the 4" },
    { action: "REUSE", why: "other code", count: 9, assets: ["sales"], partitions: "the 9" },
    { action: "BLOCKED", why: "never made", count: 1, assets: ["orders"], partitions: "the 1" },
  ]);
});

test("an asset that several trials make is named once", () => {
  const trial = { assets: ["model"], groups: [group("RUN", 1, "PARAMETERS", "depth")] };
  expect(byReason([trial, trial])).toMatchObject([{ why: "other depth", count: 2, assets: ["model"], partitions: "" }]);
});

const NONE = { run: 0, depends: 0, reuse: 0, skip: 0, fresh: 0, blocked: 0 };

test("how long it takes is told where somebody knows", () => {
  const estimate = { p50Ms: 360_000, samples: 7, unknownSteps: 0 };
  const counts = { ...NONE, run: 14, reuse: 31 };
  expect(inAll({ counts, estimate, steps: 45 })).toEqual(["14 to compute", "31 to reuse", "about 6 min"]);
  expect(inAll({ counts, estimate: { ...estimate, unknownSteps: 2 }, steps: 45 })[2]).toBe("about 6 min and more");
  expect(inAll({ counts: { ...NONE, fresh: 3 }, estimate, steps: 0 })).toEqual(["3 fresh"]);
  expect(inAll({ counts, estimate: { ...estimate, samples: 0 }, steps: 45 })).toHaveLength(2);
});

test("one asset is selected with all that it reads; of more it is for who selects to say", () => {
  expect(["reports/monthly", "+reports/monthly", "group:daily", "a or b"].map(withInputs)).toEqual([
    "+reports/monthly",
    "",
    "",
    "",
  ]);
});
