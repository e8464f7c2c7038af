import { useEffect, useState } from "react";
import { read, useWhere } from "@/server/use-answer.ts";
import { STEP_NAMES } from "./documents.ts";
import { nextUnnamed, stepName } from "./lines.ts";

/** What the steps of a run make, of those that have something to say, by their numbers. */
export function useNames(run: string, steps: readonly number[]): ReadonlyMap<number, string> {
  const where = useWhere();
  const [names, name] = useState<ReadonlyMap<number, string>>(new Map());
  const [asked, ask] = useState<ReadonlySet<number>>(new Set());
  const first = nextUnnamed(steps, names, asked);
  useEffect(() => {
    if (first === null) return;
    let isCurrent = true;
    void read(STEP_NAMES, { ...where, run, above: first - 1 }).then(({ data }) => {
      if (!isCurrent) return;
      const found = data?.project.run.steps.nodes ?? [];
      name((before) => new Map([...before, ...found.map((step) => [step.number, stepName(step)] as const)]));
      ask((before) => new Set([...before, first])); // once is enough, also where nothing was found
    });
    return () => {
      isCurrent = false;
    };
  }, [where, run, first]);
  return names;
}
