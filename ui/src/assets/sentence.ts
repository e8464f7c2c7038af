// How an asset stands, in one sentence: its state, how much of it, and why.
import { type AssetFlag, type AssetStatus, type Standing, standingOf } from "@/shared/marks.ts";
import { counted, whole } from "@/shared/numbers.ts";

export interface Stands {
  status: AssetStatus;
  flags: readonly AssetFlag[];
  partitioning: { count: number } | null;
  partitions: readonly { status: AssetStatus; partitions: { count: number } }[];
  causes: readonly { cause: string; subject: string; check: string; partitions: { count: number } }[];
}

export interface Sentence extends Standing {
  /** How much of it, where it has partitions, and why. */
  rest: string;
}

const REASONS: Record<string, (subject: string, check: string) => string> = {
  MISSING: () => "it was never made",
  CODE: () => "its code has changed",
  PARAMETERS: (subject) => (subject ? `parameter ${subject} has changed` : "its parameters have changed"),
  CONFIGURATION: () => "a resource is configured otherwise",
  INPUT: (subject) => `${subject || "what it reads"} has other content`,
  UPSTREAM: (subject) => `${subject || "something that it reads"} is not fresh`,
  REUSE_OFF: () => "its results are never reused",
  EXPIRED: () => "it is older than it may be",
  LOST: () => "its artifact is gone",
  OVERWRITTEN: () => "something else lies at its place",
  CHANGED_OUTSIDE: () => "somebody else changed what lies at its place",
  UNCHECKED: () => "a blocking check has not judged it",
  ELSEWHERE: () => "it is to be copied to where this environment keeps it",
  REFUSED: (_, check) => (check ? `check ${check} refuses it` : "a blocking check refuses it"),
  ABSENT: (subject) => `${subject || "what it reads"} is absent`,
  RETRACTED: () => "it was declared to be wrong",
  FAILED: () => "the latest attempt failed",
  UNTAKEN: () => "the condition that it depends on says otherwise",
  UNOBSERVED: () => "nobody has looked at it yet",
  UNSEEN: () => "it is other than what was seen last",
};

/** A cause as a clause: `its code has changed`. */
export function reason(cause: string, subject = "", check = ""): string {
  return REASONS[cause]?.(subject, check) ?? cause.toLowerCase().replaceAll("_", " ");
}

const MOST = 2;

/** The causes that are of most partitions; what is said of something upstream comes behind what lies here. */
export function sentence(of: Stands): Sentence {
  const standing = standingOf(of.status, of.flags);
  const causes = [...of.causes].sort(
    (a, b) =>
      Number(a.cause === "UPSTREAM") - Number(b.cause === "UPSTREAM") || b.partitions.count - a.partitions.count,
  );
  const reasons = [...new Set(causes.map(({ cause, subject, check }) => reason(cause, subject, check)))];
  // what has not ended well says so, also where no cause does
  if (standing.word === "failed" && !causes.some(({ cause }) => cause === "FAILED" || cause === "REFUSED"))
    reasons.unshift(reason("FAILED"));
  const more = reasons.length - MOST;
  const why = [...reasons.slice(0, MOST), ...(more > 0 ? [`${whole(more)} more`] : [])].join(", ");
  return { ...standing, rest: [extent(of), why].filter(Boolean).join(": ") };
}

/** `12 of 365 partitions`, of what the word before says; nothing where there are none to count. */
function extent({ status, partitioning, partitions }: Stands): string {
  if (!partitioning) return "";
  const all = counted(partitioning.count, "partition");
  const parts = partitions
    .filter((one) => one.status !== "FRESH")
    .map((one) => [one.status, one.partitions.count] as const);
  const [first] = parts;
  if (!first) return all;
  if (parts.length === 1 && first[0] === status) return `${whole(first[1])} of ${all}`;
  return `${parts.map(([name, count]) => `${whole(count)} ${name.toLowerCase()}`).join(" and ")} of ${all}`;
}
