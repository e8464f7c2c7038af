import { expect, test } from "vitest";
import { beyond, iso, momentFrom, momentName, quickMoments, stepped } from "./moment.ts";

test("a step back from now is the event before, and a step to the newest one is now", () => {
  expect(stepped(48_211, -1, 48_211)).toBe("48210");
  expect(stepped(48_210, 1, 48_211)).toBe(null);
  expect(stepped(1, -1, 48_211)).toBe("1");
});

test("a position is read however its digits are grouped", () => {
  expect(momentFrom(" 48 211 ")).toBe("48211");
  expect(momentFrom("48,211")).toBe("48211");
});

test("a time is sent with its offset", () => {
  expect(momentFrom("2026-03-01T00:00:00Z")).toBe("2026-03-01T00:00:00Z");
  expect(momentFrom("2026-03-01T00:00")).toMatch(/^2026-02-28T|^2026-03-01T/);
});

test("moments are also said as people say them", () => {
  const now = new Date(2026, 2, 1, 12, 0);
  const at = (...parts: [number, number, number, number, number]) => iso(new Date(...parts));
  expect(momentFrom("yesterday 9am", now)).toBe(at(2026, 1, 28, 9, 0));
  expect(momentFrom("Yesterday 12pm", now)).toBe(at(2026, 1, 28, 12, 0));
  expect(momentFrom("today 9:30", now)).toBe(at(2026, 2, 1, 9, 30));
  expect(momentFrom("yesterday", now)).toBe(at(2026, 1, 28, 0, 0));
  expect(momentFrom("2h", now)).toBe(at(2026, 2, 1, 10, 0));
  expect(momentFrom("15 minutes ago", now)).toBe(at(2026, 2, 1, 11, 45));
  expect(["today 25:00", "yesterday 9:75", "2 moons"].map((text) => momentFrom(text, now))).toEqual([null, null, null]);
});

test.each(["", "soon", "2026-13-01", "1.5"])("%o is no moment", (text) => {
  expect(momentFrom(text)).toBe(null);
});

test("nothing is shown of what is still to come", () => {
  const now = new Date("2026-03-01T09:00:00Z");
  expect(beyond("48212", 48_211, now)).toMatch(/^The log ends at 48.?211\.$/);
  expect(beyond("2026-03-01T09:01:00Z", 48_211, now)).toBe("That is still to come.");
  expect([beyond("48211", 48_211, now), beyond("7", 0, now), beyond("2026-03-01T08:59:00Z", 1, now)]).toEqual([
    null,
    null,
    null,
  ]);
  expect(beyond("0", 48_211, now)).toBe("The log begins at 1.");
});

test("moments have names", () => {
  expect(momentName("48211", "en")).toBe("log 48,211");
  expect(momentName("no time", "en")).toBe("no time");
  for (const { asOf } of quickMoments(new Date())) expect(momentFrom(asOf)).toBe(asOf);
});
