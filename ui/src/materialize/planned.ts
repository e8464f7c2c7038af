// What a plan would do, in words: how much of what, and why.
import { whole } from "@/shared/numbers.ts";
import { about } from "@/shared/times.ts";
import type { Plan, PlannedAsset } from "./documents.ts";

type Group = PlannedAsset["groups"][number];
type Reason = Group["reasons"][number];

/** How many partitions it does what with, and how long that takes; nothing where there is nothing to say. */
export function inAll({ counts, estimate, steps }: Pick<Plan, "counts" | "estimate" | "steps">): string[] {
  const { run, depends, reuse, skip, fresh, blocked } = counts;
  const some = (count: number, what: string) => (count > 0 ? [`${whole(count)} ${what}`] : []);
  const isKnown = estimate.samples > 0 && steps > 0;
  const time = estimate.p50Ms < 1_000 ? about(0) : `about ${about(estimate.p50Ms)}`;
  return [
    ...some(run, "to compute"),
    ...some(depends, "as it turns out"),
    ...some(reuse, "to reuse"),
    ...some(skip, "to skip"),
    ...some(fresh, "fresh"),
    ...some(blocked, "blocked"),
    ...(isKnown ? [`${time}${estimate.unknownSteps > 0 ? " and more" : ""}`] : []),
  ];
}

/** The selection with all that it reads, where it names one asset; else nothing. */
export function withInputs(selection: string): string {
  return /^[\w./-]+$/.test(selection) ? `+${selection}` : "";
}

/** Partitions for which the same is planned for the same reasons, over all assets. */
export interface Because {
  action: Group["action"];
  why: string;
  count: number;
  assets: readonly string[];
  /** Their keys, where they are of one asset. */
  partitions: string;
}

const ORDER: readonly Group["action"][] = ["RUN", "DEPENDS", "REUSE", "SKIP", "BLOCKED", "FRESH"];

/** By reason, what is done first and of that the most first; nothing of what is left as it is. */
export function byReason(planned: readonly PlannedAsset[]): Because[] {
  const found = new Map<string, Because & { assets: string[] }>();
  for (const { assets, groups } of planned) {
    for (const { action, partitions, reasons } of groups) {
      if (action === "FRESH") continue;
      const why = reasons.map(wordsOf).join(", ");
      const key = `${action} ${why}`;
      const one = found.get(key);
      if (!one) {
        found.set(key, { action, why, count: partitions.count, assets: [...assets], partitions: partitions.text });
        continue;
      }
      one.count += partitions.count;
      one.partitions = ""; // they are of several, or of several trials
      one.assets.push(...assets.filter((asset) => !one.assets.includes(asset)));
    }
  }
  return [...found.values()].sort(
    (a, b) => ORDER.indexOf(a.action) - ORDER.indexOf(b.action) || b.count - a.count || (a.why < b.why ? -1 : 1),
  );
}

export const ACTIONS: Record<Group["action"], string> = {
  RUN: "compute",
  DEPENDS: "as it turns out",
  REUSE: "reuse",
  SKIP: "skip",
  BLOCKED: "blocked",
  FRESH: "fresh",
};

function wordsOf({ cause, subject, check }: Reason): string {
  switch (cause) {
    case "MISSING":
      return "never made";
    case "CODE":
      return "other code";
    case "PARAMETERS":
      return subject ? `other ${subject}` : "other parameters";
    case "CONFIGURATION":
      return "a resource is configured otherwise";
    case "INPUT":
      return `${subject || "what it reads"} changed`;
    case "UPSTREAM":
      return `${subject || "what it reads"} is made anew`;
    case "FORCED":
      return "whatever is there";
    case "REUSE_OFF":
      return "never reused";
    case "EXPIRED":
      return "too old to be reused";
    case "LOST":
      return "artifact gone";
    case "OVERWRITTEN":
      return "overwritten";
    case "CHANGED_OUTSIDE":
      return "changed by somebody else";
    case "UNCHECKED":
      return "not judged by a check";
    case "ELSEWHERE":
      return "not at its place yet";
    case "REFUSED":
      return `refused by ${check ? `check ${check}` : "a check"}`;
    case "ABSENT":
      return "not made by its task";
    case "RETRACTED":
      return "declared to be wrong";
    case "FAILED":
      return "failed last time";
    case "UNTAKEN":
      return "in a branch that is not taken";
    case "UNOBSERVED":
      return "never looked at";
    case "UNSEEN":
      return `${subject || "it"} is other than what was seen`;
  }
}
