import { useCallback } from "react";
import { carryOut } from "@/server/carry-out.ts";
import { useProject } from "@/server/project.ts";
import { toast } from "@/shell/toasts.ts";
import { CANCEL } from "./documents.ts";

/** Asks for a run to be ended; says what came of it. */
export function useCancel(): (run: string) => Promise<void> {
  const project = useProject();
  return useCallback(
    async (run) => {
      const done = await carryOut(CANCEL, { project, run }, (data) => data.cancelRun, "CancelAsked");
      if (done) toast("The run is being ended; what is finished stays");
    },
    [project],
  );
}
