import { MARKS } from "@/shared/marks.ts";
import type { Graph } from "./graph.ts";
import type { Lines, Scene } from "./layout/scene.ts";
import { NOBODY, type RollUp, type Tree } from "./tree.ts";

/** What is written on a box: what the groups around it do not say already. */
export function shortName(tree: Tree, node: number): string {
  const label = tree.label[node]!;
  for (let at = tree.parent[node]!; at !== NOBODY; at = tree.parent[at]!) {
    const around = tree.label[at]!;
    const said = around.endsWith("*") ? around.slice(0, -1) : `${around}/`;
    if (label.startsWith(said) && label.length > said.length) return label.slice(said.length);
  }
  return label;
}

/** How many of a group have each look, worst first, without those that none has. */
export function countsOf(tree: Tree, rollUp: RollUp, node: number): { look: number; count: number }[] {
  const at = (node - tree.assets) * MARKS.length;
  return MARKS.map((_, look) => ({ look, count: rollUp.looks[at + look]! })).filter(({ count }) => count > 0);
}

/** The worst look there is in a group. */
export function worstOf(tree: Tree, rollUp: RollUp, node: number): number {
  return countsOf(tree, rollUp, node)[0]?.look ?? MARKS.length - 1;
}

/** What a box is called to those who do not see it. */
export function spoken(graph: Graph, tree: Tree, rollUp: RollUp, node: number, ups: number, downs: number): string {
  const links = `${ups} upstream, ${downs} downstream`;
  if (node < tree.assets) return `${graph.keys[node]}, ${MARKS[graph.look[node]!]}, ${links}`;
  const counts = countsOf(tree, rollUp, node).map(({ look, count }) => `${count} ${MARKS[look]}`);
  return `group ${tree.label[node]}, ${counts.join(", ")}, ${links}`;
}

const LINES_MAX = 8;

/** What lines that run as one lead from and to, a line of text each. */
export function linesSaid(tree: Tree, scene: Scene, { from, to }: Lines, lines: readonly number[]): string {
  const name = (box: number): string => tree.label[scene.node[box]!]!;
  const said = lines.slice(0, LINES_MAX).map((e) => `${name(from[e]!)} → ${name(to[e]!)}`);
  return [...said, ...(lines.length > LINES_MAX ? [`and ${lines.length - LINES_MAX} more`] : [])].join("\n");
}
