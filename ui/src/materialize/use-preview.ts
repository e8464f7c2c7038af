import { useMemo } from "react";
import { useView } from "@/address/use-address.ts";
import type { Problem } from "@/server/problem.ts";
import { useAnswer } from "@/server/use-answer.ts";
import type { Asked } from "./asked.ts";
import { type Plan, PREVIEW } from "./documents.ts";

interface Previewed {
  /** Of what was asked before, while it is awaited. */
  plan: Plan | null;
  problem: Problem | null;
  isAwaited: boolean;
  again(): void;
}

/** What a run would do; asked again after events of these types. Of the past nothing is planned. */
export function usePreview(asked: Asked, on: readonly string[], pause = false): Previewed {
  const { asOf } = useView();
  const variables = useMemo(() => asVariables(asked), [asked]);
  const isPaused = pause || asOf !== null;
  const { data, problem, isAwaited, again } = useAnswer(PREVIEW, variables, { on, pause: isPaused });
  return { plan: data?.project.environment.planPreview ?? null, problem, isAwaited, again };
}

/** As the API takes it. */
export function asVariables({ selection, partition, only, force, tried, zipped }: Asked) {
  const parameters = Object.entries(tried).map(([name, values]) => ({ name, values: [...values] }));
  return { selection, partition, parameters, zipped, force, only: only || null };
}
