// How things stand, in the five marks that there are: each a shape, a colour and a word.
import type { graphql } from "@/graphql.ts";

export type AssetStatus = ReturnType<typeof graphql.scalar<"AssetStatus">>;
export type AssetFlag = ReturnType<typeof graphql.scalar<"AssetFlag">>;
export type RunState = ReturnType<typeof graphql.scalar<"RunState">>;

export type Mark = "fresh" | "running" | "stale" | "failed" | "missing";

export interface Standing {
  mark: Mark;
  word: string;
}

/** What is most worth knowing of an asset, the worst first. */
export function standingOf(status: AssetStatus, flags: readonly AssetFlag[]): Standing {
  if (flags.includes("RUNNING")) return { mark: "running", word: "running" };
  if (flags.includes("FAILED")) return { mark: "failed", word: "failed" };
  if (flags.includes("RETRACTED")) return { mark: "failed", word: "retracted" };
  if (flags.includes("WAITING")) return { mark: "missing", word: "waiting" };
  if (flags.includes("ABSENT") && status === "MISSING") return { mark: "missing", word: "absent" };
  return { mark: MARKS[status], word: MARKS[status] };
}

const MARKS: Record<AssetStatus, Mark> = { FRESH: "fresh", STALE: "stale", MISSING: "missing" };

export const RUN_STANDINGS: Record<RunState, Standing> = {
  QUEUED: { mark: "missing", word: "queued" },
  RUNNING: { mark: "running", word: "running" },
  SUCCEEDED: { mark: "fresh", word: "succeeded" },
  FAILED: { mark: "failed", word: "failed" },
  CANCELLED: { mark: "missing", word: "cancelled" },
  INTERRUPTED: { mark: "stale", word: "interrupted" },
};
