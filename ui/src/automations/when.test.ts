import { expect, test } from "vitest";
import { when } from "./when.ts";

test("says when it does something, in words", () => {
  expect(when({ __typename: "Schedule", cron: "0 6 * * *", timezone: "UTC" })).toBe("at 0 6 * * * (UTC)");
  expect(when({ __typename: "Sensor", intervalMs: 60_000 })).toBe("asked every minute");
  expect(when({ __typename: "Sensor", intervalMs: 0 })).toBe("asked when something happens");
  const policy = { __typename: "FreshnessPolicy" as const, deadline: "0 9 * * *", timezone: "CET" };
  expect(when({ ...policy, maxLagMs: 172_800_000 })).toBe("by 0 9 * * * (CET), at most 2 days behind");
  expect(when({ ...policy, deadline: "", maxLagMs: 90_000 })).toBe("at most 90 seconds behind");
  expect(when({ __typename: "Condition", text: "missing()" })).toBe("when missing()");
  expect(when({ __typename: "Notification", on: ["failed", "overdue"] })).toBe("when it is: failed, overdue");
});
