import { afterEach, expect, test, vi } from "vitest";
import { graphql } from "@/graphql.ts";
import { toasts } from "@/shell/toasts.ts";
import { carryOut } from "./carry-out.ts";

const PROMOTE = graphql(`
  mutation Promote($project: String!) {
    promoteEnvironment(project: $project, source: "dev", target: "prod") {
      __typename
      ... on EnvironmentPromoted { assets(first: 1) { totalCount } pinsCount }
      ... on Error { message }
    }
  }
`);

function promoted(answer: unknown) {
  const headers = { "Content-Type": "application/json" };
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify(answer), { headers }));
  return carryOut(PROMOTE, { project: "shop" }, (data) => data.promoteEnvironment, "EnvironmentPromoted");
}

const said = () => toasts.get().map(({ text }) => text);

afterEach(() => {
  vi.unstubAllGlobals();
  toasts.set([]);
});

test("what was done is done, also where not all of it could be read", async () => {
  const done = { __typename: "EnvironmentPromoted", assets: null, pinsCount: 1 };
  const errors = [{ message: "it took too long", extensions: { code: "TOO_SLOW" } }];
  expect(await promoted({ data: { promoteEnvironment: done }, errors })).toEqual(done);
  expect(said()).toEqual(["It was done, but not all of it can be shown: it took too long"]);
});

test("why nothing was done is said", async () => {
  const refused = { __typename: "Conflict", message: "somebody else was first" };
  expect(await promoted({ data: { promoteEnvironment: refused } })).toBe(null);
  expect(await promoted({ data: null, errors: [{ message: "you may not" }] })).toBe(null);
  expect(said()).toEqual(["somebody else was first", "you may not"]);
});
