import { expect, test } from "vitest";
import { pathOf } from "@/address/address.ts";
import { keyIn } from "./key.ts";

test("a key comes back from the path that it was put into, whatever it holds", () => {
  for (const key of ["orders", "flights/daily", "what?/is#this", "100%25", "größe", "a b/c&d"])
    expect(keyIn(pathOf("assets", key))).toBe(key);
});

test("what somebody typed by hand is taken as it is", () => {
  expect(keyIn("/assets/100%/of it")).toBe("100%/of it");
  expect(keyIn("/runs/1")).toBe("");
});
