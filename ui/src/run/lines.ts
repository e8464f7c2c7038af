// Lines of a log as far as they were read: some in a row, which grow at either end.
import type { Line, LinesPage } from "./documents.ts";

export interface Lines {
  nodes: readonly Line[];
  /** How many came before the first ones that were read: what is shown moves down by so many. */
  earlier: number;
  start: string | null;
  end: string | null;
  hasEarlier: boolean;
  hasMore: boolean;
  /** Whether nothing more is going to be printed. */
  isOver: boolean;
}

export const NO_LINES: Lines = {
  nodes: [],
  earlier: 0,
  start: null,
  end: null,
  hasEarlier: false,
  hasMore: false,
  isOver: false,
};

/** With a page behind what there is; the first one, too, begins so. */
export function withMore(held: Lines, page: LinesPage): Lines {
  const isFirst = held.end === null && held.start === null;
  return {
    nodes: page.nodes.length > 0 ? [...held.nodes, ...page.nodes] : held.nodes,
    earlier: held.earlier,
    start: held.start ?? page.startCursor,
    end: page.endCursor ?? held.end,
    hasEarlier: isFirst ? page.hasPreviousPage : held.hasEarlier,
    hasMore: page.hasNextPage,
    isOver: page.isOver,
  };
}

/** With the page before what there is. */
export function withEarlier(held: Lines, page: LinesPage): Lines {
  return {
    ...held,
    nodes: [...page.nodes, ...held.nodes],
    earlier: held.earlier + page.nodes.length,
    start: page.startCursor ?? held.start,
    hasEarlier: page.hasPreviousPage,
  };
}

/** What a step makes, in words. */
export function stepName({ assets, partition }: { assets: readonly string[]; partition: string }): string {
  return [assets.join(", "), partition].join(" ").trim();
}

/** The lowest number that has no name yet, and was not asked for in vain; null where there is none. */
export function nextUnnamed(
  steps: readonly number[],
  names: ReadonlyMap<number, string>,
  asked: ReadonlySet<number>,
): number | null {
  return steps.reduce<number | null>(
    (least, step) => (names.has(step) || asked.has(step) || (least !== null && least <= step) ? least : step),
    null,
  );
}

/** Whether a line is the first one of what somebody else printed than the line before. */
export function begins(line: Line, before: Line | undefined): boolean {
  return (
    before === undefined || before.step !== line.step || before.attempt !== line.attempt || before.check !== line.check
  );
}

/** What of a step printed a line, where that is not its first attempt: `attempt 2`, `check not_empty`. */
export function byWhom({ attempt, check }: Line): string {
  return [attempt > 1 ? `attempt ${attempt}` : "", check ? `check ${check}` : ""].filter(Boolean).join(", ");
}

export const LEVELS = ["error", "warning", "other"] as const;
export type Level = (typeof LEVELS)[number];

const ERROR = /\b(ERROR|CRITICAL|FATAL)\b|^(\w+\.)*\w*(Error|Exception)\b/;
const WARNING = /\b(WARNING|WARN)\b|\b\w*Warning:/;
const TRACEBACK = /^Traceback \(most recent call last\):/;

type Kind = Level | "traceback" | "below";

/** Lines stay while more come: what each is by itself is looked at once. */
const KINDS = new WeakMap<Line, Kind>();

function kindOf(line: Line): Kind {
  const known = KINDS.get(line);
  if (known !== undefined) return known;
  const { text } = line;
  const found: Kind = /^\s/.test(text)
    ? "below"
    : TRACEBACK.test(text)
      ? "traceback"
      : ERROR.test(text)
        ? "error"
        : WARNING.test(text)
          ? "warning"
          : "other";
  KINDS.set(line, found);
  return found;
}

/** How grave each of some lines in a row is; what is indented below a line is as grave as that, and so is a traceback. */
export function levelsOf(nodes: readonly Line[]): Level[] {
  let level: Level = "other";
  let isTraced = false;
  return nodes.map((line, n) => {
    if (begins(line, nodes[n - 1])) [level, isTraced] = ["other", false];
    const kind = kindOf(line);
    if (kind === "below") return level;
    level = isTraced || kind === "traceback" ? "error" : kind; // a traceback ends with its exception
    isTraced = kind === "traceback";
    return level;
  });
}

/** Those lines alone that are as grave as that, and how grave each is. */
export function ofLevels(lines: Lines, shown: ReadonlySet<Level>): { lines: Lines; levels: Level[]; counts: Counts } {
  const levels = levelsOf(lines.nodes);
  const counts = { error: 0, warning: 0, other: 0 };
  for (const level of levels) counts[level] += 1;
  if (shown.size === LEVELS.length) return { lines, levels, counts };
  const are = levels.map((level) => shown.has(level));
  return {
    lines: {
      ...lines,
      nodes: lines.nodes.filter((_, n) => are[n]),
      earlier: are.slice(0, lines.earlier).filter(Boolean).length,
    },
    levels: levels.filter((level) => shown.has(level)),
    counts,
  };
}

/** Lines of one attempt of a step alone, with those of its checks; all where none is named. */
export function ofAttempt(lines: Lines, named: string): Lines {
  if (!/^\d+$/.test(named)) return lines;
  const are = lines.nodes.map(({ attempt }) => attempt === Number(named));
  return {
    ...lines,
    nodes: lines.nodes.filter((_, n) => are[n]),
    earlier: are.slice(0, lines.earlier).filter(Boolean).length,
  };
}

/** The steps of which lines are, from one on to another inclusively; each once. */
export function stepsIn(nodes: readonly Line[], from: number, to: number): number[] {
  return [...new Set(nodes.slice(from, to + 1).map(({ step }) => step))];
}

export type Counts = Readonly<Record<Level, number>>;

/** Whose line it is: an attempt of a step, or a check of it. */
export function blockOf({ step, attempt, check }: Line): string {
  return `${step} ${attempt} ${check}`;
}

export interface Shown {
  lines: Lines;
  levels: readonly Level[];
}

/** Of what is folded the first line alone, with how many lines it stands for besides, by cursor. */
export function withFolds(
  { lines, levels }: Shown,
  isFolded: (block: string) => boolean,
): Shown & { hidden: ReadonlyMap<string, number> } {
  const hidden = new Map<string, number>();
  const kept: number[] = [];
  let first: Line | null = null;
  lines.nodes.forEach((line, n) => {
    if (begins(line, lines.nodes[n - 1])) first = isFolded(blockOf(line)) ? line : null;
    if (first && first !== line) hidden.set(first.cursor, (hidden.get(first.cursor) ?? 0) + 1);
    else kept.push(n);
  });
  if (hidden.size === 0) return { lines, levels, hidden };
  return {
    lines: {
      ...lines,
      nodes: kept.map((n) => lines.nodes[n]!),
      earlier: kept.filter((n) => n < lines.earlier).length,
    },
    levels: kept.map((n) => levels[n]!),
    hidden,
  };
}

/** The levels that an address names; all where it names none. */
export function levelsIn(text: string): ReadonlySet<Level> {
  const found = LEVELS.filter((level) => text.split(",").includes(level));
  return new Set(found.length > 0 ? found : LEVELS);
}

/** With one of them shown or not; the last one that is shown stays. */
export function toggled(shown: ReadonlySet<Level>, level: Level): string | null {
  const after = LEVELS.filter((one) => (one === level) !== shown.has(one));
  if (after.length === 0 || after.length === LEVELS.length) return null;
  return after.join(",");
}

/** The place of the next or last match from one on, around the end; the first one where there was none. */
export function stepped(at: number, by: 1 | -1, count: number): number {
  if (count === 0) return -1;
  return at < 0 ? (by > 0 ? 0 : count - 1) : (at + by + count) % count;
}

export interface Piece {
  text: string;
  isMatch: boolean;
}

/** A text in pieces, of which some are what was searched for, in whatever case. */
export function matched(text: string, search: string): Piece[] {
  if (!search) return [{ text, isMatch: false }];
  const pieces: Piece[] = [];
  const [within, wanted] = [text.toLowerCase(), search.toLowerCase()];
  // a letter that has more or fewer characters in lower case would shift what is marked
  if (within.length !== text.length) return [{ text, isMatch: false }];
  let from = 0;
  for (let at = within.indexOf(wanted); at >= 0; at = within.indexOf(wanted, from)) {
    if (at > from) pieces.push({ text: text.slice(from, at), isMatch: false });
    pieces.push({ text: text.slice(at, at + wanted.length), isMatch: true });
    from = at + wanted.length;
  }
  if (from < text.length || pieces.length === 0) pieces.push({ text: text.slice(from), isMatch: false });
  return pieces;
}
