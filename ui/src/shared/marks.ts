// How things stand, in the five marks that there are: each a shape, a colour and a word.
import type { graphql } from "@/graphql.ts";

export type AssetStatus = ReturnType<typeof graphql.scalar<"AssetStatus">>;
export type AssetFlag = ReturnType<typeof graphql.scalar<"AssetFlag">>;
export type RunState = ReturnType<typeof graphql.scalar<"RunState">>;

/** Worst first: what a group shows of its members, and what catches the eye. */
export const MARKS = ["failed", "running", "stale", "missing", "fresh"] as const;
export type Mark = (typeof MARKS)[number];

/** How they are drawn, on a grid of 12: filled, or as a line of some width. */
export const SHAPES: Readonly<Record<Mark, { readonly d: string; readonly line: number; readonly dash?: number[] }>> = {
  fresh: { d: "M2.4 6a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z", line: 0 },
  running: { d: "M3.6 2.2v7.6L10 6z", line: 0 },
  stale: { d: "M6 1.8 11 10.2H1z", line: 0 },
  failed: { d: "M2.6 2.6 9.4 9.4M9.4 2.6 2.6 9.4", line: 2.2 },
  missing: { d: "M2 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", line: 1.4, dash: [2.1, 1.5] },
};

export interface Standing {
  mark: Mark;
  word: string;
}

/** What is true of an asset, what is most worth knowing first. */
export function standingsOf(status: AssetStatus, flags: readonly AssetFlag[]): Standing[] {
  const of: Standing = OF_STATUS[status];
  const flagged = FLAGS.filter((flag) => flags.includes(flag)).map((flag) => OF_FLAG[flag]);
  // that a part of it is absent, as it should be, is less than that it is fresh or stale
  const last = flags.includes("ABSENT") ? [OF_FLAG.ABSENT] : [];
  return status === "MISSING" ? [...flagged, ...last, of] : [...flagged, of, ...last];
}

/** What is most worth knowing of an asset. */
export function standingOf(status: AssetStatus, flags: readonly AssetFlag[]): Standing {
  return standingsOf(status, flags)[0] ?? OF_STATUS[status];
}

/** How what a selection calls so is marked. */
export function markOf(word: string): Mark {
  return [...Object.values(OF_STATUS), ...Object.values(OF_FLAG)].find((one) => one.word === word)?.mark ?? "missing";
}

const OF_STATUS: Record<AssetStatus, Standing> = {
  FRESH: { mark: "fresh", word: "fresh" },
  STALE: { mark: "stale", word: "stale" },
  MISSING: { mark: "missing", word: "missing" },
};

const OF_FLAG: Record<AssetFlag, Standing> = {
  RUNNING: { mark: "running", word: "running" },
  FAILED: { mark: "failed", word: "failed" },
  RETRACTED: { mark: "failed", word: "retracted" },
  WAITING: { mark: "missing", word: "waiting" },
  ABSENT: { mark: "missing", word: "absent" },
};

const FLAGS = ["RUNNING", "FAILED", "RETRACTED", "WAITING"] as const;

export const RUN_STANDINGS: Record<RunState, Standing> = {
  QUEUED: { mark: "missing", word: "queued" },
  RUNNING: { mark: "running", word: "running" },
  SUCCEEDED: { mark: "fresh", word: "succeeded" },
  FAILED: { mark: "failed", word: "failed" },
  CANCELLED: { mark: "missing", word: "cancelled" },
  INTERRUPTED: { mark: "stale", word: "interrupted" },
};
