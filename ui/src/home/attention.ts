// What is wrong with an asset, in words and a mark.
import type { Standing } from "@/shared/marks.ts";
import { counted } from "@/shared/numbers.ts";
import type { Needed } from "./documents.ts";

type Trouble = Needed["troubles"][number];

const STANDINGS: Record<Trouble, Standing> = {
  FAILED: { mark: "failed", word: "failed" },
  REFUSED: { mark: "failed", word: "refused" },
  OVERDUE: { mark: "stale", word: "overdue" },
  CHECK_FAILED: { mark: "stale", word: "check" },
  BLOCKED: { mark: "missing", word: "blocked" },
};

/** By its worst trouble. */
export function standing({ troubles: [worst] }: Needed): Standing {
  return worst ? STANDINGS[worst] : { mark: "missing", word: "" };
}

/** `31 partitions failed, overdue: 2 h late`: all that is to say of it. */
export function troubleText(of: Needed): string {
  return of.troubles.map((trouble) => WORDS[trouble](of)).join(", ");
}

const WORDS: Record<Trouble, (of: Needed) => string> = {
  FAILED: ({ partitions: { count, text } }) =>
    count > 1 ? `${counted(count, "partition")} failed` : text ? `${text} failed` : "its latest attempt failed",
  REFUSED: ({ checks }) => `refused by ${checks.join(", ") || "a check"}`,
  OVERDUE: ({ overdue }) => overdue.map(({ policy, why }) => why || policy).join("; ") || "overdue",
  CHECK_FAILED: ({ checks }) => `${checks.join(", ") || "a check"} did not pass`,
  BLOCKED: ({ because }) => (because.length > 0 ? `waits for ${few(because)}` : "waits for a value"),
};

const FEW = 2;

function few(names: readonly string[]): string {
  const more = names.length - FEW;
  return names.slice(0, FEW).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
