// What a step waits for, and why one was not run: as words, and the steps that they are about.
import { counted } from "@/shared/numbers.ts";
import { clock } from "@/shared/times.ts";
import type { Job, StepWhy, Wait } from "./documents.ts";
import { stepName } from "./lines.ts";

/** A piece of a line: words, or a step that has a page. */
export type Piece = string | { run: string; step: number; text: string };

/** What it waits for, as the end of "It waits for …". */
export function waitPieces({ kind, steps, count, engines, until, pool, limit, slots }: Wait): Piece[] {
  const named = steps.map((one): Piece => ({ run: one.run, step: one.step, text: stepText(one) }));
  const more = count - steps.length;
  switch (kind) {
    case "STEPS":
      return [...listed(named), ...(more > 0 ? [` and ${counted(more, "more step")}`] : []), " to end"];
    case "ENGINE":
      return [
        engines.length > 0
          ? `an engine to take its run: ${engines.join(", ")}`
          : "an engine to take its run; none is running: `latewood engine` starts one",
      ];
    case "RETRY":
      return [until ? `its next attempt, due at ${clock(new Date(until), undefined, true)}` : "its next attempt"];
    case "SLOT": {
      const held = slots.map(
        ({ holder, run, step }): Piece => (run && step !== null ? { run, step, text: holder } : holder),
      );
      const of = pool ? `pool ${pool}` : "the quota";
      return [`a slot of ${of}, all ${limit ?? 0} taken`, ...(held.length > 0 ? [": ", ...listed(held)] : [])];
    }
    case "OTHER":
      return [...listed(named), ...(more > 0 ? [` and ${counted(more, "more")}`] : []), ", which makes the same"];
    case "TURN":
      return ["its turn: a free worker, where higher priorities come first"];
    default:
      return ["something that this page does not know yet"];
  }
}

function listed(pieces: readonly Piece[]): Piece[] {
  return pieces.flatMap((piece, n) => (n > 0 ? [", ", piece] : [piece]));
}

function stepText({ step, assets, partition }: { step: number; assets: readonly string[]; partition: string }): string {
  return stepName({ assets, partition }) || `step ${step}`;
}

const SKIPPED: Record<NonNullable<StepWhy["skipped"]>, string> = {
  UPSTREAM_FAILED: "What it reads was not made",
  CHECK_FAILED: "A blocking check refuses what it reads",
  OUTPUT_ABSENT: "It reads an optional output that its task did not make",
  BRANCH_NOT_TAKEN: "It is in a branch that was not taken",
  RETRACTED: "What it would have made was declared to be wrong",
  INPUT_RETRACTED: "What it reads was declared to be wrong",
};

/** Why it was not run; empty where it was, or is to be. */
export function notRun({ decision, skipped, because, taken }: Omit<StepWhy, "waits" | "jobs">, run: string): Piece[] {
  if (skipped) {
    const for_: Piece[] = because === null ? [] : [": ", { run, step: because, text: `step ${because}` }];
    return [SKIPPED[skipped] ?? "It was skipped", ...for_];
  }
  if (decision === "LEFT") return ["The run was over before it began"];
  if (decision === "REUSED" && taken.length > 0) return ["What it would have computed was there already"];
  return [];
}

/** How a job in another system stands, in words. */
export function jobText({ handle, key, connector, state }: Job): string {
  const of = `${connector} ${handle || key}`;
  if (state) return `${of}, ${state}`;
  return handle ? `${of}, over` : `${of}; nobody knows yet whether it was submitted`;
}
