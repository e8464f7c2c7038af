// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { type Session, SessionContext } from "@/session/session.ts";
import { toasts } from "@/shell/toasts.ts";
import { Variants } from "./variants.tsx";

const SESSION: Session = { role: "ADMIN", actor: "ann", version: "", projects: [], environments: [], position: 9 };

const COMPARISON = {
  nodes: [{ __typename: "AssetVersion", id: "new.0", partition: "", madeAt: "2026-01-01T00:00:00Z", run: "new" }],
  isHead: [false],
  isRetracted: [false],
  considered: 1,
  parameters: [],
  metrics: [],
};

afterEach(() => {
  history.replaceState(null, "", "/");
  cleanup();
  vi.unstubAllGlobals();
  toasts.set([]);
});

test("what was made head is undone by the version that it replaced, though that is not shown", async () => {
  const promoted: string[] = [];
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    if (new Headers(init.headers).get("accept") === "text/event-stream") return new Response(new ReadableStream());
    const { query, variables } = JSON.parse(String(init.body));
    const environment = { __typename: "Environment", asset: { __typename: "Asset", comparison: COMPARISON } };
    let data: unknown = { project: { __typename: "Project", environment } };
    if (query.includes("mutation")) {
      promoted.push(variables.version);
      const done = { version: variables.version, moved: ["pair", "fit"], replaced: ["pair.0", "old.0"] };
      data = { promoteVersion: { __typename: "VersionPromoted", parameters: {}, ...done } };
    }
    return new Response(JSON.stringify({ data }), { headers: { "Content-Type": "application/json" } });
  });
  render(
    <SessionContext value={SESSION}>
      <Variants asset="fit" isPartitioned={false} back={() => undefined} />
    </SessionContext>,
  );
  await userEvent.click(await screen.findByRole("button", { name: "Make head: new.0" }));
  await vi.waitFor(() => expect(toasts.get()).toHaveLength(1));
  toasts.get()[0]?.undo?.();
  await vi.waitFor(() => expect(promoted).toEqual(["new.0", "old.0"]));
});

test("the variants of a run are asked for, and it is said where there are more than are shown", async () => {
  history.replaceState(null, "", "/?run=new");
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    if (new Headers(init.headers).get("accept") === "text/event-stream") return new Response(new ReadableStream());
    const { variables } = JSON.parse(String(init.body));
    const comparison = { ...COMPARISON, considered: variables.run === "new" ? 2 : 1_000 };
    const environment = { __typename: "Environment", asset: { __typename: "Asset", comparison } };
    const data = { project: { __typename: "Project", environment } };
    return new Response(JSON.stringify({ data }), { headers: { "Content-Type": "application/json" } });
  });
  render(
    <SessionContext value={SESSION}>
      <Variants asset="other" isPartitioned={false} back={() => undefined} />
    </SessionContext>,
  );
  await screen.findByText("1 version of the latest 2");
});
