// @vitest-environment happy-dom
import { cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { toasts } from "@/shell/toasts.ts";
import { NOTHING } from "./asked.ts";
import { useLaunch } from "./use-launch.ts";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  toasts.set([]);
});

test("a run that was asked for was, also where the server cannot show it", async () => {
  const errors = [{ message: "it took too long", extensions: { code: "TOO_SLOW" } }];
  const answer = { data: { launch: { __typename: "Launched", run: null } }, errors };
  const headers = { "Content-Type": "application/json" };
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify(answer), { headers }));
  const launch = renderHook(() => useLaunch()).result.current;
  expect(await launch({ ...NOTHING, selection: "*" }, "hash")).toEqual({ isUnread: true });
  expect(toasts.get().map(({ text }) => text)).toEqual([
    "It was done, but not all of it can be shown: it took too long",
  ]);
});
