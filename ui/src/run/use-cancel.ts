import { useCallback } from "react";
import { client } from "@/server/client.ts";
import { problemOf } from "@/server/problem.ts";
import { useProject } from "@/server/project.ts";
import { toast } from "@/shell/toasts.ts";
import { CANCEL } from "./documents.ts";

/** Asks for a run to be ended; says what came of it. */
export function useCancel(): (run: string) => Promise<void> {
  const project = useProject();
  return useCallback(
    async (run) => {
      const { data, error } = await client.mutation(CANCEL, { project, run }).toPromise();
      const done = data?.cancelRun;
      if (done?.__typename === "CancelAsked") toast("The run is being ended; what is finished stays");
      else if (done) toast(done.message, { kind: "failed" });
      else toast(error ? problemOf(error).message : "Nothing was done", { kind: "failed" });
    },
    [project],
  );
}
