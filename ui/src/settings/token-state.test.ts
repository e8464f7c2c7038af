import { expect, test } from "vitest";
import { standing } from "./token-state.ts";

test("a token is usable until it expires or is revoked", () => {
  const now = new Date("2026-03-01T00:00:00Z");
  const token = { revokedAt: null, expiresAt: "2026-03-02T00:00:00Z" };
  expect(standing(token, now).word).toBe("usable");
  expect(standing({ ...token, expiresAt: "2026-03-01T00:00:00Z" }, now).word).toBe("expired");
  expect(standing({ ...token, revokedAt: "2026-02-01T00:00:00Z" }, now).word).toBe("revoked");
});
