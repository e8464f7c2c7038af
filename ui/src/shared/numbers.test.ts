import { expect, test } from "vitest";
import { bytes, counted } from "./numbers.ts";

test("one is one", () => {
  expect(counted(1, "run")).toBe("1 run");
  expect(counted(0, "run")).toBe("0 runs");
  expect(counted(2, "query", "queries")).toBe("2 queries");
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1.0 KB"],
  [123_456, "123 KB"],
  [5.25e9, "5.3 GB"],
])("%d bytes are %s", (number, text) => {
  expect(bytes(number)).toBe(text);
});
