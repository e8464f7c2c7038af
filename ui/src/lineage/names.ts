import { MARKS } from "@/shared/marks.ts";
import type { Graph } from "./graph.ts";
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
