// @vitest-environment happy-dom
import { act, cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Route } from "wouter";
import { generation, lostSince, refresh } from "@/server/reachability.ts";
import { type Session, SessionContext } from "@/session/session.ts";
import Run from "./run.tsx";

const RUN = {
  __typename: "Run",
  id: "n48j74d2m90a",
  environment: "prod",
  selection: "daily",
  partitions: "2026-01-01..2026-01-03",
  status: "RUNNING",
  actor: "ann",
  requestedAt: "2026-11-27T12:00:00Z",
  endedAt: null,
  counts: null,
};

const STEPS = [
  { status: "failed", count: 1, partitions: "2026-01-02", isCut: false },
  { status: "waiting", count: 2, partitions: "2026-01-01, 2026-01-03", isCut: false },
];

function told(status: string) {
  return {
    run: { status, endedAt: null, counts: null },
    total: 3,
    ended: 1,
    rate: 0.5,
    secondsLeft: 4,
    tasks: [{ assets: ["daily"], total: 3, ended: 1, trials: 1, steps: STEPS }],
    failures: [{ step: 1, asset: "daily", partition: "2026-01-02", error: "ValueError", message: "no rate" }],
  };
}

let answers: Record<string, unknown>;
let asked: string[];
let say: (item: unknown) => void;

beforeEach(() => {
  asked = [];
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(330);
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(800);
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    const { query } = JSON.parse(String(init.body)) as { query: string };
    const name = /(?:query|subscription|mutation) (\w+)/.exec(query)?.[1] ?? "";
    if (new Headers(init.headers).get("accept") === "text/event-stream") {
      const body = new ReadableStream({
        start(stream) {
          if (name !== "RunProgress") return;
          say = (item) =>
            stream.enqueue(
              new TextEncoder().encode(`event: next\ndata: ${JSON.stringify({ data: { runProgress: item } })}\n\n`),
            );
        },
      });
      return new Response(body, { status: 200 });
    }
    asked.push(name);
    return new Response(JSON.stringify(await answers[name]), {
      status: 200,
      headers: { "Content-Type": "application/json" },
    });
  });
  history.replaceState(null, "", "/runs/n48j74d2m90a");
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  lostSince.set(null);
  generation.set(0);
});

function shown(role: Session["role"] = "OPERATOR") {
  const session = { role, actor: "ann", version: "", projects: [], environments: [], position: 9 };
  render(
    <SessionContext value={session}>
      <Route path="/runs/:id">
        <Run />
      </Route>
    </SessionContext>,
  );
}

const of = (run: unknown) => ({ data: { project: { __typename: "Project", run } } });
const problem = (message: string, code: string) => ({ data: null, errors: [{ message, extensions: { code } }] });

test("how far a run is, is told as it goes on; once it is over it can be retried, and not cancelled", async () => {
  answers = { Run: of(RUN) };
  shown();
  await screen.findByRole("button", { name: "Cancel" });
  await vi.waitFor(() => say(told("RUNNING")));
  await screen.findByText("1 of 3 steps");
  screen.getByText("30 steps a minute, about 4 s left");
  screen.getByText("1 failed (2026-01-02), 2 waiting (2026-01-01, 2026-01-03)");
  say(told("FAILED"));
  await screen.findByRole("button", { name: "Retry" });
  expect(screen.queryByRole("button", { name: "Cancel" })).toBe(null);
});

test("a run that its process left, and another one goes on with, is followed again", async () => {
  answers = { Run: of(RUN) };
  shown();
  await screen.findByText("running");
  await vi.waitFor(() => say(told("INTERRUPTED")));
  await screen.findByText("interrupted");
  const before = say;
  answers = { Run: of({ ...RUN, status: "INTERRUPTED" }) };
  act(refresh);
  await vi.waitFor(() => expect(say).not.toBe(before));
  say(told("RUNNING"));
  await screen.findByText("running");
});

test("who may only look has no button", async () => {
  answers = { Run: of(RUN) };
  shown("VIEWER");
  await screen.findByText("running");
  expect(screen.queryByRole("button", { name: "Cancel" })).toBe(null);
});

test("a failure leads to the step that failed; what cannot be read there leaves the rest as it is", async () => {
  answers = { Run: of(RUN), Steps: problem("it took too long", "TOO_SLOW") };
  shown();
  await screen.findByText("running");
  await vi.waitFor(() => say(told("RUNNING")));
  await userEvent.click(await screen.findByRole("button", { name: /ValueError: no rate/ }));
  expect(location.search).toBe("?tab=steps&step=1");
  await screen.findByText("it took too long");
  screen.getByText("1 of 3 steps");
});

test("that there is no such run is said, with the way to those that there are", async () => {
  history.replaceState(null, "", "/runs/zzz");
  answers = { Run: problem('no run "zzz"', "BAD_INPUT") };
  shown();
  await screen.findByText("This run is not there");
  expect(screen.getByRole("link", { name: "All runs" }).getAttribute("href")).toBe("/runs");
});

test("as other assets begin, the list of steps stays, with what was typed beside it", async () => {
  history.replaceState(null, "", "/runs/n48j74d2m90a?tab=steps&step=0");
  const step = (number: number, asset: string) => ({
    number,
    assets: [asset],
    partition: "",
    status: "running",
    attempt: 1,
    startedAt: "2026-11-27T12:00:01Z",
    durationMs: null,
  });
  const begun = (...assets: string[]) =>
    of({
      steps: {
        totalCount: assets.length,
        nodes: assets.map((asset, n) => step(n, asset)),
        pageInfo: { endCursor: null, hasNextPage: false },
      },
    });
  const graphOf = (...keys: string[]) => {
    const graph = {
      keys,
      groups: ["jobs", "reports"],
      groupOf: keys.map((_, n) => Math.min(n, 1)),
      connectors: [],
      edgesFrom: [],
      edgesTo: [],
    };
    return { data: { project: { environment: { assetGraph: graph } } } };
  };
  answers = {
    Run: of(RUN),
    Steps: begun("daily"),
    ReadBy: graphOf("daily"),
    Lines: of({
      logs: {
        nodes: [],
        startCursor: null,
        endCursor: null,
        hasNextPage: false,
        hasPreviousPage: false,
        isOver: false,
      },
    }),
    PlannedSteps: { data: { project: { whyRun: { planned: { nodes: [] } } } } },
  };
  shown();
  const grid = await screen.findByRole("grid", { name: "Steps" });
  const sought = await screen.findByRole("searchbox");
  for (const assets of [
    ["daily", "report"],
    ["daily", "report", "summary"],
  ]) {
    let tell = () => {};
    answers.ReadBy = new Promise((done) => {
      tell = () => done(graphOf(...assets));
    });
    answers.Steps = begun(...assets);
    act(refresh);
    await screen.findByText(assets.at(-1)!);
    expect(screen.getByRole("grid", { name: "Steps" })).toBe(grid);
    tell();
    await screen.findByRole("button", { name: /^reports [12] steps?$/ });
    expect(screen.getByRole("grid", { name: "Steps" })).toBe(grid);
    expect(screen.getByRole("searchbox")).toBe(sought);
  }
  expect(asked).not.toContain("RunJobs"); // no other system makes any of them
});

test("steps stand below their groups; what another system has not been given yet is starting", async () => {
  history.replaceState(null, "", "/runs/n48j74d2m90a?tab=steps");
  const step = (number: number, asset: string) => ({
    number,
    assets: [asset],
    partition: "",
    status: "running",
    attempt: 1,
    startedAt: "2026-11-27T12:00:01Z",
    durationMs: null,
  });
  const nodes = [step(0, "daily"), step(1, "report")];
  const graph = {
    keys: ["daily", "report"],
    groups: ["jobs", "reports"],
    groupOf: [0, 1],
    connectors: ["local"],
    edgesFrom: [],
    edgesTo: [],
  };
  const prepared = {
    type: "job.prepared",
    recordedAt: "2026-11-27T12:00:02Z",
    data: { run: RUN.id, step: 0, attempt: 1 },
  };
  answers = {
    Run: of(RUN),
    Steps: of({ steps: { totalCount: 2, nodes, pageInfo: { endCursor: null, hasNextPage: false } } }),
    ReadBy: { data: { project: { environment: { assetGraph: graph } } } },
    RunJobs: { data: { project: { events: { nodes: [prepared] } } } },
    PlannedSteps: { data: { project: { whyRun: { planned: { nodes: [] } } } } },
  };
  shown();
  const grid = await screen.findByRole("grid", { name: "Steps" });
  const rows = () => [...grid.querySelectorAll("[data-row]")].map((row) => row.textContent?.trim());
  await vi.waitFor(() =>
    expect(rows()).toEqual([
      "startingjobs1 step",
      "startingdaily , on the critical path",
      "runningreports1 step",
      "runningreport",
    ]),
  );
  await userEvent.click(screen.getByRole("button", { name: "jobs 1 step" }));
  expect(location.search).toBe("?tab=steps&closed=jobs");
  await vi.waitFor(() => expect(grid.querySelectorAll("[data-row]")).toHaveLength(3));
});
