// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ownProject, USUAL } from "@/server/project.ts";
import { Known } from "./known.tsx";
import { useSession } from "./session.ts";

beforeEach(() => {
  const lab = { __typename: "Project", position: 7, role: "OPERATOR", environments: ["prod"] };
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: { project: string } };
    const server = { __typename: "Server", version: "1", actor: "ann" };
    const said = query.includes("query Who")
      ? { data: { server, projects: ["lab"] } }
      : variables.project === "lab"
        ? { data: { project: lab } }
        : { data: { project: null }, errors: [{ message: "no project", extensions: { code: "BAD_INPUT" } }] };
    return new Response(JSON.stringify(said), { status: 200, headers: { "Content-Type": "application/json" } });
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  ownProject.set(USUAL);
});

function Who() {
  const { actor, role, environments } = useSession();
  return <p>{`${actor} ${role} ${environments.join()}`}</p>;
}

test("who does not see the usual project is shown the one that they see", async () => {
  render(
    <Known>
      <Who />
    </Known>,
  );
  await screen.findByText("ann OPERATOR prod");
  expect(ownProject.get()).toBe("lab");
});
