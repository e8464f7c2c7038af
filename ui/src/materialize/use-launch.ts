import { useRef } from "react";
import { useView } from "@/address/use-address.ts";
import { sayUnread } from "@/server/carry-out.ts";
import { client } from "@/server/client.ts";
import { type Problem, problemOf } from "@/server/problem.ts";
import { useProject } from "@/server/project.ts";
import { ownKey } from "@/shared/own-key.ts";
import type { Asked } from "./asked.ts";
import { LAUNCH } from "./documents.ts";
import { asVariables } from "./use-preview.ts";

/**
 * What came of it: the run, null where all was as it should be; that it was done, but which run it is could not be
 * read; that it is another plan by now; or why nothing was done.
 */
export type Launched = { run: string | null } | { isUnread: true } | { isChanged: true } | { problem: Problem };

/** Asks for just the plan of that hash to be done. Asked again, after an answer that was lost, it is the same run. */
export function useLaunch(): (asked: Asked, hash: string) => Promise<Launched> {
  const project = useProject();
  const { environment } = useView();
  const last = useRef({ hash: "", key: "" });
  return async (asked, hash) => {
    if (last.current.hash !== hash) last.current = { hash, key: ownKey() };
    const variables = { project, environment, ...asVariables(asked), planHash: hash, key: last.current.key };
    const { data, error } = await client.mutation(LAUNCH, variables).toPromise();
    const done = data?.launch;
    if (!done) {
      const problem = error ? problemOf(error) : { message: "Nothing was done", code: "", passes: true };
      return { problem };
    }
    if (done.__typename === "Launched") {
      if (error) sayUnread(error);
      return error && !done.run ? { isUnread: true } : { run: done.run?.id ?? null };
    }
    if (done.__typename === "PlanChanged") return { isChanged: true };
    return { problem: { message: done.message, code: done.__typename, passes: false } };
  };
}
