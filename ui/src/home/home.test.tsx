// @vitest-environment happy-dom
import { cleanup, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { lostSince } from "@/server/reachability.ts";
import Home from "./home.tsx";

type Said = Record<string, unknown>;

let answers: Record<string, Said>;

const group = { name: "raw", assets: 2, fresh: 1, stale: 1, missing: 0, failed: 1, running: 0 };
const needed = {
  asset: { key: "raw/orders" },
  troubles: ["FAILED"],
  checks: [],
  sinceAt: "2026-11-27T11:00:00Z",
  because: [],
  downstream: 3,
  heldUp: 2,
  partitions: { count: 1, text: "" },
  overdue: [],
};
const ended = {
  position: 9,
  type: "run.ended",
  occurredAt: "2026-01-01T00:00:00Z",
  actor: "ann",
  assets: [],
  data: { run: "r1", status: "failed", failed: 1 },
};

beforeEach(() => {
  answers = {
    Attention: { environment: { attention: { totalCount: 1, nodes: [needed] } } },
    GroupsNow: { environment: { groups: [group] } },
    RunningNow: { runningRuns: { nodes: [], pageInfo: { hasNextPage: false } } },
    ChangedLately: { events: { nodes: [ended] } },
    LastFailure: { runs: { nodes: [] } },
  };
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    const { query } = JSON.parse(String(init.body)) as { query: string };
    const name = /query (\w+)/.exec(query)?.[1] ?? "";
    const project = answers[name];
    const said = project
      ? { data: { project } }
      : { data: null, errors: [{ message: `no ${name}`, extensions: { code: "TOO_SLOW" } }] };
    return new Response(JSON.stringify(said), { status: 200, headers: { "Content-Type": "application/json" } });
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  lostSince.set(null);
});

/** The panel of that title. */
async function panel(title: string) {
  const heading = await screen.findByRole("heading", { name: title });
  return within(heading.closest("section") as HTMLElement);
}

test("what needs somebody, how groups stand and what changed are told", async () => {
  render(<Home />);
  await (await panel("Needs attention")).findByText("its latest attempt failed");
  const held = (await panel("Needs attention")).getByRole("link", { name: /2 held up/ });
  expect(held.getAttribute("href")).toBe("/lineage?focus=raw/orders");
  const raw = await (await panel("Freshness by group")).findByRole("link", { name: "raw" });
  expect(raw.getAttribute("href")).toBe("/assets?group=raw");
  await (await panel("Changed lately")).findByText(/failed: 1 failed/);
  await (await panel("Running now")).findByText("Nothing runs.");
});

test("where nothing is wrong it says so", async () => {
  answers.Attention = { environment: { attention: { totalCount: 0, nodes: [] } } };
  render(<Home />);
  await (await panel("Needs attention")).findByText(/Nothing needs you/);
});

test("what one panel cannot read keeps no other one from being there", async () => {
  delete answers.Attention;
  render(<Home />);
  await (await panel("Needs attention")).findByText("no Attention");
  await (await panel("Changed lately")).findByText(/failed: 1 failed/);
});

test("a project without assets says how to begin", async () => {
  answers.GroupsNow = { environment: { groups: [] } };
  render(<Home />);
  await screen.findByText("No assets yet");
});
