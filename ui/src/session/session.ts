// Who is there, and what they may do.
import { createContext, useContext } from "react";
import { graphql, type ResultOf } from "@/graphql.ts";

export const WHO = graphql(`query Who { server { version actor } projects }`);

/** Apart from that, since the project that is shown may be one that is not there for who asks. */
export const THERE = graphql(`
  query There($project: String!, $asOf: Moment) {
    project(name: $project, asOf: $asOf) { position role environments(first: 1000) }
  }
`);

export type Role = ResultOf<typeof THERE>["project"]["role"];

const RANKS: readonly Role[] = ["VIEWER", "OPERATOR", "DEPLOYER", "ADMIN"];

/** Whether who has a role may do what needs another one. */
export function allows(role: Role, needed: Role): boolean {
  return RANKS.indexOf(role) >= RANKS.indexOf(needed);
}

export interface Session {
  role: Role;
  actor: string;
  version: string;
  projects: readonly string[];
  environments: readonly string[];
  /** The position that is shown. */
  position: number;
}

/** Nobody, before the server has said who it is. */
export const NOBODY: Session = { role: "VIEWER", actor: "", version: "", projects: [], environments: [], position: 0 };

export const SessionContext = createContext<Session>(NOBODY);

export function useSession(): Session {
  return useContext(SessionContext);
}
