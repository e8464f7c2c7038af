// Who is there, and what they may do.
import { createContext, useContext } from "react";
import { graphql, type ResultOf } from "@/graphql.ts";

export const SESSION = graphql(`
  query Session($project: String!, $asOf: Moment) {
    server { version actor position }
    projects
    project(name: $project, asOf: $asOf) { position role environments }
  }
`);

export type Role = ResultOf<typeof SESSION>["project"]["role"];

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
