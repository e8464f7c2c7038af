import { useCallback } from "react";
import { useView } from "@/address/use-address.ts";
import { client } from "@/server/client.ts";
import { problemOf } from "@/server/problem.ts";
import { useProject } from "@/server/project.ts";
import { toast } from "@/shell/toasts.ts";
import { LAUNCH } from "./documents.ts";

/** Asks for what is selected to be brought up to date; says what came of it. */
export function useLaunch(): (selection: string, partition?: string) => Promise<void> {
  const project = useProject();
  const { environment } = useView();
  return useCallback(
    async (selection, partition = "") => {
      const asked = { project, environment, selection, partition, key: crypto.randomUUID() };
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
