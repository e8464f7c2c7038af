import { type ReactNode, useEffect, useMemo } from "react";
import { chosen, ownProject } from "@/server/project.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { NOBODY, SESSION, SessionContext } from "./session.ts";

const CHANGES = ["environment.created", "environment.dropped", "deployment.created"];

/** Asks once who is there, for all that is below. */
export function Known({ children }: { children: ReactNode }) {
  const { data } = useAnswer(SESSION, {}, { on: CHANGES });
  useEffect(() => {
    if (data) ownProject.set(chosen(data.projects));
  }, [data]);
  const session = useMemo(
    () =>
      data
        ? {
            role: data.project.role,
            actor: data.server.actor,
            version: data.server.version,
            projects: data.projects,
            environments: data.project.environments,
            position: data.project.position,
          }
        : NOBODY,
    [data],
  );
  return <SessionContext value={session}>{children}</SessionContext>;
}
