import { expect, test } from "vitest";
import { allows } from "./session.ts";

test("each role may do what those before it may", () => {
  expect(allows("OPERATOR", "VIEWER")).toBe(true);
  expect(allows("OPERATOR", "OPERATOR")).toBe(true);
  expect(allows("OPERATOR", "DEPLOYER")).toBe(false);
});
