// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { generation, lostSince } from "@/server/reachability.ts";
import AssetOf from "./asset.tsx";

const ASSET = {
  __typename: "Asset",
  key: "reports/monthly",
  description: "By month.",
  group: "reports",
  owners: ["team:analytics"],
  tags: { tier: "gold" },
  kinds: [],
  metadata: {},
  origin: "MADE",
  location: "assets.py",
  task: "assets:monthly",
  codeVersion: "9ecfaa13e085",
  status: "STALE",
  flags: [],
  partitioning: null,
  partitions: [],
  causes: [{ cause: "CODE", subject: "", check: "", partitions: { count: 1 } }],
  parameters: [],
  declaredChecks: [],
  typeText: "pandas.DataFrame",
  workflow: null,
  sharedFrom: null,
  uncovered: [],
  stored: null,
  inputs: [{ asset: "airlines", mapping: "LAST", partitions: "the last one", loads: true }],
  resources: [],
  policies: {
    retries: { most: 2, backoffMs: 1000 },
    timeouts: { runningMs: null, queuedMs: null, totalMs: null },
    reuse: { isOn: true, windowMs: null },
    needs: { cpu: 1, memoryBytes: null, gpu: 0 },
    pool: "",
    priority: 0,
    image: "",
    partitionsPerCall: 1,
    each: [],
  },
  upstream: [{ key: "airlines", status: "MISSING", flags: [] }],
  downstream: [],
  downstreamCount: 0,
  versions: { nodes: [] },
};

const of = (asset: unknown) => ({ data: { project: { environment: { asset } } } });
const error = (message: string, code: string) => ({ data: null, errors: [{ message, extensions: { code } }] });

let answers: Record<string, unknown>;

beforeEach(() => {
  history.replaceState(null, "", "/assets/reports/monthly");
  answers = { Asset: of(ASSET), Head: of({ head: null }) };
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    const { operationName } = JSON.parse(String(init.body)) as { operationName: string };
    const said = answers[operationName] ?? { data: null };
    return new Response(JSON.stringify(said), { status: 200, headers: { "Content-Type": "application/json" } });
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  lostSince.set(null);
  generation.set(0);
});

test("says in a sentence how it stands, and what there is to make it from where it was never made", async () => {
  render(<AssetOf />);
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("reports/monthly");
  expect(await screen.findByText("its code has changed")).toBeTruthy();
  expect(await screen.findByText("It was never made")).toBeTruthy();
  expect(screen.getByText(/It needs airlines, which is missing too/)).toBeTruthy();
  expect(screen.getByText("the last one")).toBeTruthy();
  expect(screen.getByText(/^2, the first after/)).toBeTruthy();
});

test("what cannot be read of one panel leaves the rest", async () => {
  answers.Head = error("the store does not answer", "TOO_SLOW");
  render(<AssetOf />);
  expect(await screen.findByText("the store does not answer")).toBeTruthy();
  expect(screen.getByText("its code has changed")).toBeTruthy();
  expect(screen.queryByText("It was never made")).toBeNull();
});

test("where there is no such asset it says so, and leads back", async () => {
  answers.Asset = error('no asset "reports/monthly"', "BAD_INPUT");
  render(<AssetOf />);
  expect(await screen.findByText("There is no asset reports/monthly in prod")).toBeTruthy();
  expect(screen.getByRole("link", { name: "All assets" })).toBeTruthy();
});
