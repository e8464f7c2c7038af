import { useCallback } from "react";
import { carryOut } from "@/server/carry-out.ts";
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
        const done = await carryOut(RETRY, { project, run: id, key: ownKey() }, (data) => data.retryRun, "Launched");
        if (done?.run) asked.push(done.run.id);
      }
      if (asked.length > 0) toast(`${counted(asked.length, "run")} asked for`);
      return asked;
    },
    [project],
  );
}
