// What is found of why something is not fresh, as lines of words and of what they are about.
import { counted } from "@/shared/numbers.ts";
import type { Explanation, Finding, Moved } from "./documents.ts";

/** A piece of a line: words, or something that has a page. */
export type Piece = string | { asset: string; partitions?: string } | { run: string } | { code: string };

export interface Line {
  /** What kind of thing it is, in a word. */
  kind: string;
  pieces: Piece[];
  /** What was said when it failed, as it was said. */
  said?: string;
  /** The assets that it reaches what was asked about by, its reader first. */
  through: readonly string[];
  event: number | null;
}

/** Root causes, upstream first, each after what moved the head that it is about. */
export function lines({ findings, moved }: Pick<Explanation, "findings" | "moved">): Line[] {
  const told = new Set(moved ? [moved.position] : []);
  return findings.flatMap((finding) => {
    const before: Line[] = [];
    if (finding.moved && !told.has(finding.moved.position)) {
      told.add(finding.moved.position);
      const asset = finding.cause === "INPUT" ? finding.subject : finding.asset;
      const pieces = ["the head of ", { asset }, " was set by ", ...movedBy(finding.moved)];
      before.push({ kind: "head", pieces, through: [], event: finding.moved.position });
    }
    return [...before, ...told_of(finding)];
  });
}

/** How many root causes there are besides those that were asked for; nothing where these are all. */
export function unsaid({ findings, findingsCount }: Pick<Explanation, "findings" | "findingsCount">): string {
  const more = findingsCount - findings.length;
  return more > 0 ? `and ${counted(more, "more cause")}` : "";
}

/** Why running it would change nothing, and what would. */
export function inVain({ version, reason }: NonNullable<Explanation["barred"]>): Piece[] {
  const way = "Change it, or retract that once more so that it may be made again.";
  return ["Running it does not help: that would make what was retracted, ", { code: version }, ` (${reason}). ${way}`];
}

function told_of(finding: Finding): Line[] {
  const rest = { through: finding.through, event: finding.event };
  if (finding.cause === "CODE" && finding.code.length > 0)
    return finding.code.map((change) => ({
      kind: "code",
      pieces: [...changeOf(change), ", used by ", where(finding)],
      ...rest,
    }));
  const line: Line = { kind: KINDS[finding.cause] ?? "cause", pieces: clause(finding), ...rest };
  return finding.failure ? [{ ...line, said: finding.failure }] : [line];
}

const KINDS: Record<string, string> = {
  MISSING: "missing",
  CODE: "code",
  PARAMETERS: "parameter",
  CONFIGURATION: "configuration",
  INPUT: "input",
  FAILED: "failed",
  REFUSED: "refused",
  RETRACTED: "retracted",
  ABSENT: "absent",
  EXPIRED: "expired",
  LOST: "lost",
  OVERWRITTEN: "overwritten",
  CHANGED_OUTSIDE: "changed",
  UNCHECKED: "unchecked",
  UNOBSERVED: "unobserved",
  UNSEEN: "unobserved",
};

function where({ asset, partitions }: Finding): Piece {
  return partitions ? { asset, partitions } : { asset };
}

function clause(finding: Finding): Piece[] {
  const here = where(finding);
  const { subject, before, after } = finding;
  switch (finding.cause) {
    case "MISSING":
      return finding.undefinedIn
        ? [here, ` is not defined in ${finding.undefinedIn} any more`]
        : [here, " was never made here"];
    case "CODE":
      return ["code of ", here, " changed"];
    case "PARAMETERS":
      return subject
        ? [
            { code: subject },
            " of ",
            here,
            ...(finding.path ? [`: what ${finding.path} holds changed`] : [": ", ...fromTo(before, after)]),
            ...pin(finding),
          ]
        : ["parameters of ", here, " changed"];
    case "CONFIGURATION":
      return [...(subject ? [{ code: subject }] : ["a resource"]), " is configured otherwise, used by ", here];
    case "INPUT":
      return [
        { asset: subject },
        finding.observed ? " was observed: " : ": ",
        ...fromTo(before, after),
        ", read by ",
        here,
      ];
    case "FAILED":
      return ["the latest attempt to make ", here, " failed"];
    case "REFUSED":
      return [...(subject ? ["check ", { code: subject }] : ["a blocking check"]), " refused ", here];
    case "RETRACTED":
      return [here, " was declared to be wrong", finding.retraction ? `: ${finding.retraction}` : ""];
    case "ABSENT":
      return [here, " is an optional output that its task did not make"];
    case "EXPIRED":
      return [here, " is older than its task allows"];
    case "LOST":
      return ["the artifact of ", here, " is gone"];
    case "OVERWRITTEN":
      return ["something else lies at the place of ", here];
    case "CHANGED_OUTSIDE":
      return ["somebody else changed what lies at the place of ", here];
    case "UNCHECKED":
      return ["a blocking check has not judged ", here];
    case "UNOBSERVED":
      return ["nobody has looked at ", here, " yet"];
    case "UNSEEN":
      return [here, " is other than what was seen last"];
    default:
      return [here, ` is ${finding.cause.toLowerCase().replaceAll("_", " ")}`];
  }
}

function pin({ pinned, pinnedBy }: Finding): Piece[] {
  if (pinned === null) return [];
  return [` (${pinned ? "pinned" : "unpinned"}${pinnedBy ? ` by ${pinnedBy}` : ""})`];
}

/** Digests are known by how they begin. */
export function brief(text: string): string {
  const digest = /^(?:[a-z0-9]+:)?([0-9a-f]{16,})$/.exec(text);
  if (digest) return digest[1]!.slice(0, 8);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function fromTo(before: string, after: string): Piece[] {
  return [{ code: brief(before) || "nothing" }, " → ", { code: brief(after) || "nothing" }];
}

function changeOf({ subject, name, before, after }: Finding["code"][number]): Piece[] {
  if (subject === "part") return [{ code: name }, before && after ? " changed" : after ? " was added" : " was removed"];
  return [
    subject === "package" ? "package " : `${subject} of `,
    { code: name },
    ": ",
    ...fromTo(before ?? "", after ?? ""),
  ];
}

/** By what a version that was there already became head. */
export function movedBy(moved: Moved): Piece[] {
  switch (moved.by) {
    case "rollback":
      return [`a rollback by ${moved.actor}`];
    case "promotion":
      return [`a promotion by ${moved.actor}`];
    case "environment":
      return [`the promotion of ${moved.environment} by ${moved.actor}`];
    case "branch":
      return [`branching from ${moved.environment}, by ${moved.actor}`];
    default:
      return moved.run ? ["run ", { run: moved.run }, ", which reused it"] : [moved.by];
  }
}

/** Why a step was run, from how events keep it: `code`, `input:orders`, `refused:orders:positive`. */
export function because(written: string): string {
  const [cause = "", subject = ""] = written.split(":");
  switch (cause) {
    case "upstream":
      return `${subject || "what it reads"} was to be made anew`;
    case "code":
    case "parameters":
    case "configuration":
      return `its ${cause} changed`;
    case "input":
      return "the content of an input changed";
    case "failed":
      return "its last attempt had failed";
    case "missing":
      return "it was missing";
    case "forced":
      return "it was asked for, whatever was there";
    default:
      return cause.replaceAll("_", " ");
  }
}
