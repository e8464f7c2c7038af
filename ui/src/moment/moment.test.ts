import { expect, test } from "vitest";
import { momentFrom, momentName, quickMoments, stepped } from "./moment.ts";

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

test.each(["", "soon", "2026-13-01", "1.5"])("%o is no moment", (text) => {
  expect(momentFrom(text)).toBe(null);
});

test("moments have names", () => {
  expect(momentName("48211", "en")).toBe("log 48,211");
  expect(momentName("no time", "en")).toBe("no time");
  for (const { asOf } of quickMoments(new Date())) expect(momentFrom(asOf)).toBe(asOf);
});
