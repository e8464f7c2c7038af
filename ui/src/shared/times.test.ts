import { expect, test } from "vitest";
import { about, ago, agoSaid, clock, dated, duration, exactly, shortly } from "./times.ts";

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

test("a day has 24 hours, wherever somebody is", () => {
  const then = new Date("2026-11-27T21:05:09");
  expect([clock(then, "en-US"), clock(then, "en-US", true)]).toEqual(["21:05", "21:05:09"]);
  expect([shortly(then, "en-US"), exactly(then, "en-US")]).toEqual(["Nov 27 21:05", "Nov 27, 2026, 21:05:09"]);
  expect(clock(new Date("2026-11-27T00:05:00"), "en-US")).toBe("00:05");
});

test.each([
  [0, "0 ms"],
  [0.04, "< 0.1 ms"],
  [0.34, "0.3 ms"],
  [320.4, "320 ms"],
  [999.6, "1.0 s"],
  [4_210, "4.2 s"],
  [31_640, "31.6 s"],
  [59_960, "1 min 0 s"],
  [185_000, "3 min 5 s"],
  [7_620_000, "2 h 7 min"],
  [273_600_000, "3 d 4 h"],
])("%d ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("what goes on is told in whole seconds", () => {
  expect([0, 4_000, 31_640, 185_000, 360_000].map(about)).toEqual([
    "under a second",
    "4 s",
    "31 s",
    "3 min 5 s",
    "6 min",
  ]);
});

test.each([
  [1, "just now"],
  [12, "12s ago"],
  [7200, "2h ago"],
  [15 * 86400, "on 12 Nov"],
])("within a sentence %i seconds ago is %s", (seconds, said) => {
  expect(agoSaid(before(seconds), NOW, "en-GB")).toBe(said);
});
