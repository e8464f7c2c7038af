// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { Router } from "wouter";
import { NOBODY, type Role, SessionContext } from "@/session/session.ts";
import { Act } from "./button.tsx";

afterEach(cleanup);

function shown(role: Role, search = "") {
  history.replaceState(null, "", `/runs${search}`);
  render(
    <Router>
      <SessionContext value={{ ...NOBODY, role }}>
        <Act needs="OPERATOR">Retry</Act>
      </SessionContext>
    </Router>,
  );
  return screen.queryByRole<HTMLButtonElement>("button", { name: "Retry" });
}

test("who may not do it does not see it", () => {
  expect(shown("VIEWER")).toBe(null);
});

test("who may can do it now", () => {
  expect(shown("ADMIN")?.disabled).toBe(false);
});

test("nobody changes the past, and it says why", () => {
  const button = shown("ADMIN", "?asOf=7");
  expect(button?.disabled).toBe(true);
  expect(button?.title).toContain("past");
});
