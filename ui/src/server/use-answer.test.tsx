// @vitest-environment happy-dom
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { graphql } from "@/graphql.ts";
import { position } from "./client.ts";
import { generation, lostSince, refresh } from "./reachability.ts";
import { momentOf, read, useAnswer } from "./use-answer.ts";
import { usePages } from "./use-pages.ts";

const ROLE = graphql(
  `query Role($project: String!, $asOf: Moment) { project(name: $project, asOf: $asOf) { name position } }`,
);
const RUNS = graphql(`
  query Some($project: String!, $asOf: Moment, $first: Int!, $after: String) {
    project(name: $project, asOf: $asOf) {
      runs(first: $first, after: $after) { totalCount nodes { id } pageInfo { endCursor hasNextPage } }
    }
  }
`);

interface Asked {
  query: string;
  variables: { asOf: unknown; first: number; after: string | null };
}

let answer: (asked: Asked) => unknown;
const asked: Asked[] = [];

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    const question = JSON.parse(String(init.body)) as Asked;
    asked.push(question);
    const said = answer(question);
    if (said instanceof Error) throw said;
    return new Response(JSON.stringify(said), { status: 200, headers: { "Content-Type": "application/json" } });
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  lostSince.set(null);
  generation.set(0);
  position.set(0);
  history.replaceState(null, "", "/");
});

function Position() {
  const { data, problem, isAwaited } = useAnswer(ROLE, {});
  return <p>{isAwaited ? "…" : `${data?.project.position ?? "none"}${problem ? ` ${problem.message}` : ""}`}</p>;
}

const at = (position: number) => ({ data: { project: { __typename: "Project", name: "default", position } } });

test("what was read stays when it cannot be read anew, beside why", async () => {
  answer = () => at(7);
  render(<Position />);
  await screen.findByText("7");
  answer = () => ({ data: null, errors: [{ message: "too slow", extensions: { code: "TOO_SLOW" } }] });
  act(refresh);
  await screen.findByText("7 too slow");
  answer = () => at(8);
  act(refresh);
  await screen.findByText("8");
});

test("an answer that lacks what could not be read is none, also when it is come back to", async () => {
  history.replaceState(null, "", "/?asOf=3");
  const lacking = { __typename: "Project", name: "default", position: null };
  answer = () => ({ data: { project: lacking }, errors: [{ message: "too slow", extensions: { code: "TOO_SLOW" } }] });
  const { unmount } = render(<Position />);
  await screen.findByText("none too slow");
  unmount();
  answer = () => at(3);
  render(<Position />);
  screen.getByText("…");
  await screen.findByText("3");
});

test("the moment in the address is asked for, and comes with the past that was seen at once", async () => {
  answer = ({ variables }) => at(Number(variables.asOf ?? 9));
  render(<Position />);
  await screen.findByText("9");
  act(() => history.pushState(null, "", "/?asOf=5"));
  await screen.findByText("5");
  expect(asked.at(-1)?.variables.asOf).toBe(5);
  act(() => history.pushState(null, "", "/"));
  screen.getByText("9");
});

test("what was true at another moment is not shown for one that cannot be read", async () => {
  answer = () => at(9);
  render(<Position />);
  await screen.findByText("9");
  answer = () => ({ data: null, errors: [{ message: "before the log", extensions: { code: "BAD_INPUT" } }] });
  act(() => history.pushState(null, "", "/?asOf=2020-01-01T00:00:00Z"));
  await screen.findByText("none before the log");
});

test("a position is sent as a number and a time as it is", () => {
  expect(momentOf("48211")).toBe(48_211);
  expect(momentOf("2026-03-01T00:00:00Z")).toBe("2026-03-01T00:00:00Z");
  expect(momentOf(null)).toBe(null);
});

/** A server that has so many runs, the newest first. */
function having(count: () => number) {
  return ({ variables: { first, after } }: Asked) => {
    const from = after === null || after === undefined ? count() : Number(after);
    const nodes = Array.from({ length: Math.min(first, from) }, (_, n) => ({
      __typename: "Run",
      id: `run ${from - n}`,
    }));
    const end = from - nodes.length;
    const pageInfo = { __typename: "PageInfo", endCursor: String(end), hasNextPage: end > 0 };
    return {
      data: {
        project: { __typename: "Project", runs: { __typename: "RunConnection", totalCount: count(), nodes, pageInfo } },
      },
    };
  };
}

function Runs() {
  const { rows, more, total } = usePages(RUNS, {}, ({ project }) => project.runs);
  const ids = rows.map(({ id }) => id);
  return (
    <button type="button" onClick={more}>
      {`${rows.length} of ${total}, ${new Set(ids).size} different, from ${ids[0]} to ${ids.at(-1)}`}
    </button>
  );
}

test("a list that has grown is read anew as far as it was shown, with no row twice and none left out", async () => {
  let count = 450;
  answer = having(() => count);
  render(<Runs />);
  (await screen.findByText("100 of 450, 100 different, from run 450 to run 351")).click();
  (await screen.findByText("200 of 450, 200 different, from run 450 to run 251")).click();
  await screen.findByText("400 of 450, 400 different, from run 450 to run 51");
  count = 453;
  act(refresh);
  await screen.findByText("400 of 453, 400 different, from run 453 to run 54");
});

test("an answer that is older than what is known already was on its way before, and is asked for once more", async () => {
  const where = { project: "default", asOf: null };
  answer = () =>
    asked.length === 1 ? { ...at(7), extensions: { position: 7 } } : { ...at(9), extensions: { position: 9 } };
  const early = read(ROLE, where);
  position.set(9); // something has happened, of which it tells nothing
  const late = read(ROLE, where);
  expect((await early).data?.project.position).toBe(7);
  expect((await late).data?.project.position).toBe(9);
  expect(asked).toHaveLength(2);
  answer = () => ({ ...at(3), extensions: { position: 3 } });
  await read(ROLE, { ...where, asOf: 3 });
  expect(asked).toHaveLength(3); // of the past there is nothing newer
});
