import { expect, test } from "vitest";
import { when } from "./when.ts";

test("when an automation does something is said by what it is", () => {
  expect(when({ kind: "SCHEDULE", definition: { cron: "0 6 * * *" } })).toBe("at 0 6 * * * (UTC)");
  expect(when({ kind: "SENSOR", definition: { interval_s: 60 } })).toBe("asked every minute");
  expect(when({ kind: "SENSOR", definition: {} })).toBe("asked when something happens");
  expect(when({ kind: "FRESHNESS", definition: { max_lag_s: 172800, deadline: "0 9 * * *", timezone: "CET" } })).toBe(
    "by 0 9 * * * (CET), at most 2 days behind",
  );
});
