import { useCallback } from "react";
import { client } from "@/server/client.ts";
import { problemOf } from "@/server/problem.ts";
import { useProject } from "@/server/project.ts";
import { counted } from "@/shared/numbers.ts";
import { ownKey } from "@/shared/own-key.ts";
import { toast } from "@/shell/toasts.ts";
import { RETRY } from "./documents.ts";

/** Asks anew for what runs did not finish; says what came of it, and gives the runs that do it. */
export function useRetry(): (runs: readonly { id: string }[]) => Promise<readonly string[]> {
  const project = useProject();
  return useCallback(
    async (runs) => {
      const asked: string[] = [];
      for (const { id } of runs) {
        // asked twice, by a double click or after a lost answer, it is one run
        const result = await client.mutation(RETRY, { project, run: id, key: ownKey() }).toPromise();
        const done = result.data?.retryRun;
        if (done?.__typename === "Launched") asked.push(...(done.run ? [done.run.id] : []));
        else
          toast(done?.message ?? (result.error ? problemOf(result.error).message : "Nothing was done"), {
            kind: "failed",
          });
      }
      if (asked.length > 0) toast(`${counted(asked.length, "run")} asked for`);
      return asked;
    },
    [project],
  );
}
