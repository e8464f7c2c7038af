// What a column was computed from, and what was computed from it: columns of assets as boxes, and lines between them.
import { acyclic } from "@/lineage/layout/cycles.ts";
import { placed } from "@/lineage/layout/flat.ts";

export type Confidence = "EXACT" | "PARTIAL" | "UNKNOWN";

export interface ColumnOf {
  asset: string;
  column: string;
}

interface Source extends ColumnOf {
  input: string;
}

/** A column of some versions, which are alike in what it was computed from. */
export interface Step extends ColumnOf {
  versionsCount: number;
  confidence: Confidence;
  /** How it is computed; empty where it is taken as it is. */
  expression: string;
  end: string | null;
  sources: readonly Source[];
}

/** A column that was computed from others, as the newest version of its asset has it. */
export interface Reading extends ColumnOf {
  confidence: Confidence;
  expression: string;
  sources: readonly Source[];
}

export interface Box extends ColumnOf {
  side: "up" | "subject" | "down";
  /** Null where nobody looked any further. */
  confidence: Confidence | null;
  /** Of how many versions that is known; of what reads it, of the newest. */
  versions: number | null;
  /** Why it is not followed any further. */
  ends: readonly string[];
  /** How it is computed, in each of the ways that there are. */
  expressions: readonly string[];
}

export interface Line {
  from: number;
  to: number;
  /** The input that it was read through. */
  input: string;
  /** Whether only some of the versions were computed so. */
  isPartial: boolean;
}

export interface Traced {
  boxes: readonly Box[];
  lines: readonly Line[];
}

export function idOf({ asset, column }: ColumnOf): string {
  return `${asset} ${column}`;
}

/** One box for each column, whatever it is read through; what reads the versions before it is no line to itself. */
export function traced(subject: ColumnOf, up: readonly Step[], down: readonly Reading[]): Traced {
  const numbers = new Map<string, number>();
  const boxes: Box[] = [];
  const lines = new Map<string, Line>();
  function boxOf({ asset, column }: ColumnOf, side: Box["side"]): number {
    const id = idOf({ asset, column });
    const known = numbers.get(id);
    if (known !== undefined) return known;
    numbers.set(id, boxes.length);
    return boxes.push({ asset, column, side, confidence: null, versions: null, ends: [], expressions: [] }) - 1;
  }
  function join(from: number, to: number, input: string, isPartial: boolean) {
    if (from !== to) lines.set(`${from} ${to} ${input}`, { from, to, input, isPartial });
  }
  boxOf(subject, "subject");
  for (const [id, steps] of grouped(up)) {
    const at = boxOf(steps[0]!, "up");
    const { side } = boxes[at]!;
    const sure = new Set(steps.map(({ confidence }) => confidence));
    boxes[at] = {
      asset: steps[0]!.asset,
      column: steps[0]!.column,
      side,
      confidence: sure.size === 1 ? steps[0]!.confidence : "PARTIAL",
      versions: steps.reduce((sum, { versionsCount }) => sum + versionsCount, 0),
      ends: [...new Set(steps.flatMap(({ end }) => end ?? []))],
      expressions: [...new Set(steps.flatMap(({ expression }) => expression || []))],
    };
    for (const { sources } of steps)
      for (const source of sources) {
        const isPartial = !steps.every((step) => step.sources.some((one) => idOf(one) === idOf(source)));
        if (idOf(source) !== id) join(boxOf(source, "up"), at, source.input, isPartial);
      }
  }
  for (const { sources, confidence, expression, ...of } of down) {
    const at = boxOf(of, "down");
    const expressions = expression ? [expression] : [];
    if (boxes[at]!.side === "down") boxes[at] = { ...boxes[at]!, confidence, expressions };
    for (const source of sources) {
      const from = numbers.get(idOf(source));
      if (from !== undefined) join(from, at, source.input, false);
    }
  }
  const all = [...lines.values()];
  // an asset may read the versions that it had before: that is no way onward
  const from = all.map((line) => line.from);
  const to = all.map((line) => line.to);
  const { against } = acyclic(boxes.length, from, to, new Float64Array(all.length));
  return { boxes, lines: all.filter((_, n) => against[n] === 0) };
}

function grouped(steps: readonly Step[]): Map<string, Step[]> {
  const found = new Map<string, Step[]>();
  for (const step of steps) {
    const id = idOf(step);
    found.set(id, [...(found.get(id) ?? []), step]);
  }
  return found;
}

interface ComputedOf {
  inputs: readonly { name: string; asset: string }[];
  columnSources: {
    nodes: readonly {
      column: string;
      confidence: Confidence;
      expression: string;
      sources: readonly { input: string; column: string }[];
    }[];
  };
}

/** The columns of a version that were computed from any of these. */
export function computedFrom(
  wanted: readonly ColumnOf[],
  asset: string,
  { inputs, columnSources }: ComputedOf,
): Reading[] {
  const ids = new Set(wanted.map(idOf));
  const assets = new Map(inputs.map(({ name, asset }) => [name, asset]));
  return columnSources.nodes.flatMap(({ column, confidence, expression, sources }) => {
    const read = sources
      .map(({ input, column }) => ({ input, asset: assets.get(input) ?? "", column }))
      .filter((source) => ids.has(idOf(source)));
    return read.length > 0 ? [{ asset, column, confidence, expression, sources: read }] : [];
  });
}

/** What a box is computed from and what from it, with all lines between: its own path. */
export function ownPath(
  { boxes, lines }: Traced,
  box: number,
): { boxes: ReadonlySet<number>; lines: ReadonlySet<number> } {
  const found = { boxes: new Set([box]), lines: new Set<number>() };
  for (const way of ["from", "to"] as const) {
    const on: number[][] = boxes.map(() => []);
    lines.forEach((line, n) => {
      on[way === "from" ? line.to : line.from]!.push(n);
    });
    const seen = new Set([box]);
    const left = [box];
    for (let at = left.pop(); at !== undefined; at = left.pop())
      for (const n of on[at]!) {
        found.lines.add(n);
        const next = lines[n]![way];
        found.boxes.add(next);
        if (!seen.has(next)) left.push(next);
        seen.add(next);
      }
  }
  return found;
}

export const BOX = { width: 176, height: 62 } as const;
const SPACING = { box: 12, beside: 12, line: 8, column: 36, border: 0 } as const;

export interface Drawn {
  /** The left upper corner of each box. */
  at: readonly { x: number; y: number }[];
  /** Each line as the path of a drawing. */
  paths: readonly string[];
  width: number;
  height: number;
}

/** What is read stands left of what reads it. */
export function drawn({ boxes, lines }: Traced): Drawn {
  const found = placed(
    {
      width: new Float64Array(boxes.length).fill(BOX.width),
      height: new Float64Array(boxes.length).fill(BOX.height),
      pin: new Uint8Array(boxes.length),
      shares: new Uint8Array(boxes.length).fill(1),
      seed: new Float64Array(boxes.length).fill(Number.NaN),
      from: Uint32Array.from(lines, (line) => line.from),
      to: Uint32Array.from(lines, (line) => line.to),
      fromDy: new Float64Array(lines.length),
      toDy: new Float64Array(lines.length),
    },
    SPACING,
  );
  return {
    at: boxes.map((_, n) => ({ x: found.x[n]!, y: found.y[n]! - BOX.height / 2 })),
    paths: lines.map((_, n) => pathOf(found.path.slice(2 * found.pathStart[n]!, 2 * found.pathStart[n + 1]!))),
    width: found.width,
    height: found.height,
  };
}

/** Points by turns straight and curved to the next one. */
function pathOf(points: Float64Array): string {
  let path = `M${points[0]} ${points[1]}`;
  for (let n = 2; n < points.length; n += 2) {
    const [x, y] = [points[n]!, points[n + 1]!];
    const middle = (points[n - 2]! + x) / 2;
    path += n % 4 === 2 ? `L${x} ${y}` : `C${middle} ${points[n - 1]} ${middle} ${y} ${x} ${y}`;
  }
  return path;
}

/** How much is known of a column, in words. */
export function knownText({ confidence, versions, ends }: Box): string {
  if (confidence === null) return "not looked at";
  const of = versions !== null && versions > 1 ? ` in ${versions} versions` : "";
  if (confidence === "UNKNOWN") return `${ends[0] ?? "not known"}${ends.length > 0 ? of : ""}`;
  const known = confidence === "EXACT" ? "exactly known" : "partly known";
  return `${ends.length === 1 && confidence === "EXACT" ? ends[0] : known}${of}`;
}
