import { type ReactNode, useEffect, useMemo } from "react";
import { chosen, ownProject } from "@/server/project.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { NOBODY, SessionContext, THERE, WHO } from "./session.ts";

const CHANGES = ["environment.created", "environment.dropped", "deployment.created"];

/** Asks once who is there, for all that is below. */
export function Known({ children }: { children: ReactNode }) {
  const { data: who } = useAnswer(WHO, {});
  const { data: there } = useAnswer(THERE, {}, { on: CHANGES });
  useEffect(() => {
    if (who) ownProject.set(chosen(who.projects));
  }, [who]);
  const session = useMemo(
    () => (who && there ? { ...who.server, projects: who.projects, ...there.project } : NOBODY),
    [who, there],
  );
  return <SessionContext value={session}>{children}</SessionContext>;
}
