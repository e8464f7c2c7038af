import { MARKS } from "@/shared/marks.ts";
import type { Graph } from "./graph.ts";

/** Boxes that stand beside each other at most: what people can take in, and what is laid out well. */
export const BOXES_MAX = 60;

/**
 * Groups in groups, so that none has more than BOXES_MAX members. Nodes 0 to n-1 are the assets, the others are groups;
 * a parent is NOBODY at the top. Parents of groups have lower numbers than those.
 */
export interface Tree {
  readonly assets: number;
  readonly parent: Int32Array;
  /** Of each node of the tree; of assets empty. `children[0]` of groups begins at `assets`. */
  readonly children: readonly (readonly number[])[];
  readonly roots: readonly number[];
  /** What a group is called in its parent. */
  readonly label: readonly string[];
  /** What it is called in an address; other groups that come or go do not change that of a project's own group. */
  readonly path: readonly string[];
}

export const NOBODY = -1;

interface Named {
  readonly name: string;
  readonly node: number;
}

export function treeOf(graph: Graph): Tree {
  const assets = graph.keys.length;
  const parent: number[] = new Array(assets).fill(NOBODY);
  const children: number[][] = [];
  const label: string[] = [];
  const path: string[] = [];
  const add = (above: number, name: string, address: string): number => {
    const node = assets + children.length;
    parent[node] = above;
    children.push([]);
    label.push(name);
    path.push(address);
    return node;
  };
  const members: Named[][] = graph.groups.map(() => []);
  graph.keys.forEach((name, node) => {
    members[graph.groupOf[node]!]!.push({ name, node });
  });
  const roots: number[] = [];
  const put = (above: number, node: number): void => {
    parent[node] = above;
    (above === NOBODY ? roots : children[above - assets]!).push(node);
  };
  const fill = (
    above: number,
    items: readonly Named[],
    known: string,
    leaf: (above: number, item: Named) => void,
  ): void => {
    for (const part of parts(items, known)) {
      if (part.items.length === 1) leaf(above, part.items[0]!);
      else {
        const node = add(above, part.label, `${above === NOBODY ? "" : path[above - assets]!}>${part.label}`);
        put(above, node);
        fill(node, part.items, part.known, leaf);
      }
    }
  };
  const groups = graph.groups.map((name, node) => ({ name, node })).filter(({ node }) => members[node]!.length);
  fill(NOBODY, groups, "", (above, group) => {
    const node = add(above, group.name, group.name);
    put(above, node);
    fill(node, members[group.node]!, "", (inner, asset) => put(inner, asset.node));
  });
  const none: readonly number[] = [];
  return {
    assets,
    parent: Int32Array.from(parent),
    children: [...graph.keys.map(() => none), ...children],
    roots,
    label: [...graph.keys, ...label],
    path: [...graph.keys, ...path],
  };
}

interface Part {
  readonly items: readonly Named[];
  readonly label: string;
  /** How all names in it are known to begin. */
  readonly known: string;
}

/** At most BOXES_MAX parts: each item alone if they are so few, else by how names go on, else by ranges of names. */
function parts(items: readonly Named[], known: string): Part[] {
  const alone = (item: Named): Part => ({ items: [item], label: item.name, known: item.name });
  if (items.length <= BOXES_MAX) return items.map(alone);
  const common = commonStart(items, known);
  const byWord = new Map<string, Named[]>();
  for (const item of items) {
    const word = /^[^/._-]*[/._-]*/.exec(item.name.slice(common.length))?.[0] ?? "";
    const same = byWord.get(word);
    if (same) same.push(item);
    else byWord.set(word, [item]);
  }
  if (byWord.size > 1 && byWord.size <= BOXES_MAX) {
    return [...byWord].map(([word, same]) =>
      same.length === 1 ? alone(same[0]!) : { items: same, label: `${common}${word}*`, known: common + word },
    );
  }
  const inOrder = items.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.node - b.node));
  const ranges = Math.min(BOXES_MAX, Math.ceil(Math.sqrt(items.length)));
  return Array.from({ length: ranges }, (_, r) => {
    const range = inOrder.slice(Math.floor((r * items.length) / ranges), Math.floor(((r + 1) * items.length) / ranges));
    return { items: range, label: `${range[0]!.name} … ${range[range.length - 1]!.name}`, known: common };
  });
}

/** The longest start of all names that ends behind a separator, `known` at least. */
function commonStart(items: readonly Named[], known: string): string {
  let end = items[0]!.name.length;
  for (const { name } of items) {
    let same = known.length;
    while (same < end && name[same] === items[0]!.name[same]) same++;
    end = same;
  }
  return items[0]!.name.slice(
    0,
    Math.max(known.length, /^.*[/._-]/.exec(items[0]!.name.slice(0, end))?.[0].length ?? 0),
  );
}

/** The node that stands for an asset or group where only `expanded` groups are open. */
export function standIn(tree: Tree, expanded: ReadonlySet<number>, node: number): number {
  let shown = node;
  for (let at = tree.parent[node]!; at !== NOBODY; at = tree.parent[at]!) if (!expanded.has(at)) shown = at;
  return shown;
}

/** `expanded`, and all that they are in. */
export function withAncestors(tree: Tree, expanded: Iterable<number>): Set<number> {
  const all = new Set<number>();
  for (const node of expanded) for (let at = node; at !== NOBODY && !all.has(at); at = tree.parent[at]!) all.add(at);
  return all;
}

/** The assets that a node is, or has in it. */
export function membersOf(tree: Tree, node: number): number[] {
  return node < tree.assets ? [node] : tree.children[node]!.flatMap((child) => membersOf(tree, child));
}

/** What is open at first: a small project all, a large one as many levels as boxes fit. */
export function openAtFirst(tree: Tree, most: number = BOXES_MAX): Set<number> {
  const open = new Set<number>();
  let level = tree.roots.filter((node) => node >= tree.assets);
  let boxes = tree.roots.length;
  while (level.length) {
    boxes += level.reduce((sum, node) => sum + tree.children[node]!.length - 1, 0);
    if (boxes > most) break;
    for (const node of level) open.add(node);
    level = level.flatMap((node) => tree.children[node]!.filter((child) => child >= tree.assets));
  }
  return open;
}

/** Of each group how many assets have each look, and how many there are of `marked`. */
export interface RollUp {
  /** Node n, look l at `(n - assets) * MARKS.length + l`. */
  readonly looks: Uint32Array;
  readonly total: Uint32Array;
  readonly marked: Uint32Array;
}

export function rollUp(tree: Tree, look: Uint8Array, marked: Uint8Array | null): RollUp {
  const groups = tree.parent.length - tree.assets;
  const looks = new Uint32Array(groups * MARKS.length);
  const total = new Uint32Array(groups);
  const marks = new Uint32Array(groups);
  for (let asset = 0; asset < tree.assets; asset++) {
    for (let at = tree.parent[asset]!; at !== NOBODY; at = tree.parent[at]!) {
      looks[(at - tree.assets) * MARKS.length + look[asset]!]!++;
      total[at - tree.assets]!++;
      if (marked?.[asset]) marks[at - tree.assets]!++;
    }
  }
  return { looks, total, marked: marks };
}
