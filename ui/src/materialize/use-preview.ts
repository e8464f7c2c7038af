import { useMemo } from "react";
import { useView } from "@/address/use-address.ts";
import type { Problem } from "@/server/problem.ts";
import { useAnswer } from "@/server/use-answer.ts";
import type { Asked } from "./asked.ts";
import { LAUNCH_PREVIEW, type Plan, PREVIEW } from "./documents.ts";

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
  const isPaused = pause || asOf !== null;
  const selected = useMemo(() => asSelection(asked), [asked]);
  const named = useMemo(() => asLaunch(asked), [asked]);
  const isNamed = asked.launch !== "";
  const ofSelection = useAnswer(PREVIEW, selected, { on, pause: isPaused || isNamed });
  const ofName = useAnswer(LAUNCH_PREVIEW, named, { on, pause: isPaused || !isNamed });
  const { problem, isAwaited, again } = isNamed ? ofName : ofSelection;
  const plan = isNamed
    ? ofName.data?.project.environment.launchPlanPreview
    : ofSelection.data?.project.environment.planPreview;
  return { plan: plan ?? null, problem, isAwaited, again };
}

/** As the API takes what is selected. */
export function asSelection({ selection, partition, only, force, tried, zipped }: Asked) {
  const parameters = Object.entries(tried).map(([name, values]) => ({ name, values: [...values] }));
  return { selection, partition, parameters, zipped, force, only: only || null };
}

/** As it takes what has a name. */
export function asLaunch({ launch, force, tried, zipped }: Asked) {
  const inputs = Object.entries(tried).map(([name, values]) =>
    values.length === 1 ? { name, value: values[0] } : { name, values: [...values] },
  );
  return { name: launch, inputs, zipped, force };
}
