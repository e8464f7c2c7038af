// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import Since from "./since.tsx";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const version = (id: string) => ({ __typename: "AssetVersion", id });

function answering(environment: object) {
  const asked: unknown[] = [];
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    asked.push(JSON.parse(String(init.body)).variables);
    const data = { project: { __typename: "Project", changes: { __typename: "ProjectChanges", environment } } };
    return new Response(JSON.stringify({ data }), { headers: { "Content-Type": "application/json" } });
  });
  return asked;
}

const NONE = { deployments: [], parameters: { totalCount: 0, nodes: [] }, heads: { totalCount: 0, nodes: [] } };

test("what has other heads now is compared with that of then, as both are there now", async () => {
  history.replaceState(null, "", "/assets?asOf=7");
  const head = (key: string, count: number, nodes: object[]) => ({
    __typename: "AssetHeadsMoved",
    key,
    count,
    partitions: { text: "" },
    moves: { nodes },
  });
  const heads = [
    head("report", 1, [{ before: version("a.0"), after: version("b.0") }]),
    head("fresh", 1, [{ before: null, after: version("c.0") }]),
    head("daily", 31, [{ before: version("d.0"), after: version("e.0") }]),
  ];
  const asked = answering({ ...NONE, heads: { totalCount: 3, nodes: heads } });
  render(<Since asOf="7" until={null} close={() => undefined} />);
  const compare = await screen.findByRole("link", { name: "compare" });
  expect(compare.getAttribute("href")).toBe("/assets/report?tab=versions&a=a.0&b=b.0");
  screen.getByText("is new");
  screen.getByText("31 partitions");
  expect(asked[0]).toMatchObject({ since: 7, until: null });
});

test("until a moment that is not now all leads to what was there then", async () => {
  history.replaceState(null, "", "/assets?asOf=7");
  const deployments = [{ __typename: "LocationMoved", location: "shop", before: "aaa", after: "bbb" }];
  const asked = answering({ ...NONE, deployments });
  render(<Since asOf="7" until="12" close={() => undefined} />);
  const link = await screen.findByRole("link", { name: "aaa → bbb" });
  expect(link.getAttribute("href")).toBe("/deployments?asOf=12&before=aaa&after=bbb");
  expect(asked[0]).toMatchObject({ since: 7, until: 12 });
});

test("where all is as it was that is said", async () => {
  answering(NONE);
  render(<Since asOf="8" until={null} close={() => undefined} />);
  await screen.findByText("Nothing has changed since");
});
