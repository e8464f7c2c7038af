import { useEffect } from "react";
import { type Pages, usePages } from "@/server/use-pages.ts";
import { STEP_EVENTS, STEPS, type StepRow } from "./documents.ts";

/** More are not read by themselves: nobody reads a list of so many. */
export const MOST_STEPS = 10_000;

/** Steps of a run that have begun, by number. */
export function useSteps(run: string): Pages<StepRow> {
  const found = usePages(STEPS, { run }, ({ project }) => project.run.steps, { on: STEP_EVENTS });
  const { rows, hasMore, isAwaited, more, problem } = found;
  useEffect(() => {
    if (hasMore && !isAwaited && !problem && rows.length < MOST_STEPS) more();
  }, [rows.length, hasMore, isAwaited, problem, more]);
  return found;
}
