import { expect, test } from "vitest";
import { countsText } from "./counts.ts";

test("only what there is is said, the worst first", () => {
  expect(countsText({ failed: 1, ran: 14, reused: 31, fresh: 0 })).toBe("1 failed, 14 ran, 31 reused");
  expect(countsText(null)).toBe("");
});
