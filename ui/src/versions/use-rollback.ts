import { useCallback } from "react";
import { useView } from "@/address/use-address.ts";
import { client } from "@/server/client.ts";
import { problemOf } from "@/server/problem.ts";
import { useProject } from "@/server/project.ts";
import { toast } from "@/shell/toasts.ts";
import { ROLLBACK } from "./documents.ts";

interface Asked {
  asset: string;
  partition: string;
  version: string;
}

/** Makes a version the head, and says so; `before`, where there was one, is head again if that is undone. */
export function useRollback(changed: () => void): (asked: Asked, before: string | null) => Promise<void> {
  const project = useProject();
  const { environment } = useView();
  return useCallback(
    async (asked, before) => {
      /** Why not; nothing where it went well. */
      async function point(version: string): Promise<string> {
        const result = await client.mutation(ROLLBACK, { project, environment, ...asked, version }).toPromise();
        const done = result.data?.rollback;
        if (done?.__typename === "RolledBack") return done.moved.count > 0 ? "" : "It is the head already";
        return done?.message ?? (result.error ? problemOf(result.error).message : "Nothing was done");
      }

      async function undo(version: string): Promise<void> {
        const problem = await point(version);
        if (!problem) changed();
        toast(problem || `${what} is back at ${version}`, { kind: problem ? "failed" : "done" });
      }

      const what = [asked.asset, asked.partition].filter(Boolean).join(" ");
      const problem = await point(asked.version);
      if (!problem) changed(); // who did it sees it at once
      if (problem) toast(problem, { kind: "failed" });
      else toast(`${what} was rolled back to ${asked.version}`, before ? { undo: () => void undo(before) } : {});
    },
    [project, environment, changed],
  );
}
