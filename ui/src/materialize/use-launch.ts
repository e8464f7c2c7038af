import { useRef } from "react";
import { useView } from "@/address/use-address.ts";
import { sayUnread } from "@/server/carry-out.ts";
import { client } from "@/server/client.ts";
import { type Problem, problemOf } from "@/server/problem.ts";
import { useProject } from "@/server/project.ts";
import { ownKey } from "@/shared/own-key.ts";
import type { Asked } from "./asked.ts";
import { LAUNCH, LAUNCH_BY_NAME } from "./documents.ts";
import { asLaunch, asSelection } from "./use-preview.ts";

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
    const given = { project, environment, planHash: hash, key: last.current.key };
    const { done, error } = asked.launch ? await byName(asked, given) : await bySelection(asked, given);
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

interface Given {
  project: string;
  environment: string;
  planHash: string;
  key: string;
}

async function bySelection(asked: Asked, given: Given) {
  const { data, error } = await client.mutation(LAUNCH, { ...asSelection(asked), ...given }).toPromise();
  return { done: data?.launch, error };
}

async function byName(asked: Asked, given: Given) {
  const { data, error } = await client.mutation(LAUNCH_BY_NAME, { ...asLaunch(asked), ...given }).toPromise();
  return { done: data?.launchPlan, error };
}
