import { type Graph, graphOf } from "./graph.ts";

/** Numbers between 0 and 1 that are the same each time (mulberry32). */
export function randoms(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface Wanted {
  readonly assets: number;
  readonly groups: number;
  readonly edges: number;
  readonly seed: number;
  /** True: most edges stay in a group or go to a later one near by, as in real projects; else anywhere. */
  readonly blocky: boolean;
}

const STAGES = ["raw", "stg", "int", "mart", "feature", "report"];
const NOUNS = [
  "orders",
  "payments",
  "flights",
  "weather",
  "sessions",
  "leads",
  "tickets",
  "invoices",
  "stock",
  "routes",
];

/** A project that does not exist, for tests and measurements. */
export function randomGraph({ assets, groups, edges, seed, blocky }: Wanted): Graph {
  const random = randoms(seed);
  const stageOf = (g: number): number => Math.floor((g * STAGES.length) / groups);
  const groupNames = Array.from(
    { length: groups },
    (_, g) =>
      `${STAGES[stageOf(g)]!}_${NOUNS[g % NOUNS.length]!}${g >= NOUNS.length ? `_${Math.floor(g / NOUNS.length)}` : ""}`,
  );
  const groupOf = Array.from({ length: assets }, (_, n) =>
    blocky ? Math.floor((n * groups) / assets) : Math.floor(random() * groups),
  );
  const begin = (g: number): number => Math.ceil((g * assets) / groups);
  /** In a group most read from a part before theirs, of four; the others from a group of a stage before. */
  const source = (to: number): number => {
    if (!blocky) return Math.floor(random() * to);
    const g = groupOf[to]!;
    const size = begin(g + 1) - begin(g);
    const part = Math.floor(((to - begin(g)) * 4) / size);
    if (part > 0 && random() < 0.75) return begin(g) + Math.floor((random() * part * size) / 4);
    const earlier =
      groupOf.length && stageOf(g) > 0 ? Math.floor(random() * stageOf(g) * (groups / STAGES.length)) : -1;
    const near = random() < 0.7 ? Math.max(0, g - Math.ceil(groups / STAGES.length)) : earlier;
    return near < 0 || stageOf(g) === 0 ? -1 : begin(near) + Math.floor(random() * size);
  };
  const edgesFrom: number[] = [];
  const edgesTo: number[] = [];
  const known = new Set<number>();
  for (let tries = 0; edgesFrom.length < edges && tries < edges * 6; tries++) {
    const to = Math.floor(random() * assets);
    const from = source(to);
    if (from < 0 || from >= to || known.has(from * assets + to)) continue;
    known.add(from * assets + to);
    edgesFrom.push(from);
    edgesTo.push(to);
  }
  const looks = (n: number): number => {
    const part = random();
    return part < 0.01 && n > 2 ? 3 : part < 0.02 ? 2 : part < 0.1 ? 1 : part < 0.13 ? 4 : 0;
  };
  const look = groupOf.map((_, n) => looks(n));
  return graphOf({
    keys: groupOf.map((g, n) => `${groupNames[g]!}/${NOUNS[n % NOUNS.length]!}_${n}`),
    groups: groupNames,
    groupOf,
    statusNames: ["FRESH", "STALE", "MISSING"],
    statusOf: look.map((l) => (l === 1 ? 1 : l === 4 ? 2 : 0)),
    flagNames: ["FAILED", "RUNNING"],
    flagsOf: look.map((l) => (l === 3 ? 1 : l === 2 ? 2 : 0)),
    edgesFrom,
    edgesTo,
  });
}
