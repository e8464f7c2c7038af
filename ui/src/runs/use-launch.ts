import { useCallback } from "react";
import { useView } from "@/address/use-address.ts";
import { client } from "@/server/client.ts";
import { problemOf } from "@/server/problem.ts";
import { useProject } from "@/server/project.ts";
import { toast } from "@/shell/toasts.ts";
import { LAUNCH } from "./documents.ts";

interface Asked {
  selection: string;
  partition?: string;
  /** Of the plan that was shown: nothing is run where it would be another one by now. */
  planHash?: string;
}

/** Asks for what is selected to be brought up to date; says what came of it. */
export function useLaunch(): (asked: Asked) => Promise<void> {
  const project = useProject();
  const { environment } = useView();
  return useCallback(
    async ({ selection, partition = "", planHash = "" }) => {
      const asked = { project, environment, selection, partition, planHash, key: crypto.randomUUID() };
      const result = await client.mutation(LAUNCH, asked).toPromise();
      const done = result.data?.launch;
      if (done?.__typename === "Launched") toast(done.run ? `Run ${done.run.id} was asked for` : "All of it is fresh");
      else
        toast(done?.message ?? (result.error ? problemOf(result.error).message : "Nothing was done"), {
          kind: "failed",
        });
    },
    [project, environment],
  );
}
