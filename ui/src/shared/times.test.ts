import { expect, test } from "vitest";
import { ago, agoSaid, dated, duration } from "./times.ts";

const NOW = new Date("2026-11-27T12:00:00");
const before = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);

test.each([
  [0, "now"],
  [-3, "now"],
  [12, "12s"],
  [59, "59s"],
  [60, "1m"],
  [3_599, "59m"],
  [3_600, "1h"],
  [86_399, "23h"],
  [86_400, "1d"],
  [20 * 86_400, "Nov 7"],
  [400 * 86_400, "Oct 23, 2025"],
])("%d seconds ago are %s", (seconds, text) => {
  expect(ago(before(seconds), NOW, "en-US")).toBe(text);
});

test("a time of the same day is one of day, another one is the day", () => {
  expect(dated(new Date("2026-11-27T09:05:00"), NOW, "en-GB")).toBe("09:05");
  expect(dated(new Date("2026-11-26T09:05:00"), NOW, "en-GB")).toBe("26 Nov");
});

test.each([
  [0, "0 ms"],
  [320.4, "320 ms"],
  [4_210, "4.2 s"],
  [9_960, "10 s"],
  [59_600, "1m 00s"],
  [185_000, "3m 05s"],
  [7_620_000, "2h 07m"],
  [273_600_000, "3d 4h"],
])("%d ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [1, "just now"],
  [12, "12s ago"],
  [7200, "2h ago"],
  [15 * 86400, "on 12 Nov"],
])("within a sentence %i seconds ago is %s", (seconds, said) => {
  expect(agoSaid(before(seconds), NOW, "en-GB")).toBe(said);
});
