// Verdicts of checks, as people read them.
import { entriesOf, valueText } from "@/shared/json.ts";
import type { Standing } from "@/shared/marks.ts";
import type { Verdict } from "./documents.ts";

/** A warning is no failure, and what is not blocking refuses nothing. */
export function standing({ passed, severity, blocking }: Pick<Verdict, "passed" | "severity" | "blocking">): Standing {
  if (passed) return { mark: "fresh", word: "passed" };
  if (severity === "warning") return { mark: "stale", word: "warning" };
  return { mark: "failed", word: blocking ? "refused" : "failed" };
}

/** What it said, and what it recorded. */
export function saidBy({ message, metadata }: Pick<Verdict, "message" | "metadata">): string {
  const recorded = entriesOf(metadata).map(([name, value]) => `${name} ${valueText(value)}`);
  return [message, recorded.join(", ")].filter(Boolean).join(" · ");
}

/** The declared checks that have judged nothing yet. */
export function unheard(declared: readonly { name: string }[], verdicts: readonly { checkName: string }[]): string[] {
  return declared.map(({ name }) => name).filter((name) => !verdicts.some(({ checkName }) => checkName === name));
}
