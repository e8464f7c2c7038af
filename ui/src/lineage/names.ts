import { type Graph, LOOKS } from "./graph.ts";
import type { RollUp, Tree } from "./tree.ts";

/** What is written on a box: of an asset what its group does not say already. */
export function shortName(graph: Graph, tree: Tree, node: number): string {
  const label = tree.label[node]!;
  if (node >= tree.assets) return label;
  const group = graph.groups[graph.groupOf[node]!]!;
  return label.startsWith(`${group}/`) && label.length > group.length + 1 ? label.slice(group.length + 1) : label;
}

/** How many of a group have each look, worst first, without those that none has. */
export function countsOf(tree: Tree, rollUp: RollUp, node: number): { look: number; count: number }[] {
  const at = (node - tree.assets) * LOOKS.length;
  return LOOKS.map((_, look) => ({ look, count: rollUp.looks[at + look]! })).filter(({ count }) => count > 0);
}

/** The worst look there is in a group. */
export function worstOf(tree: Tree, rollUp: RollUp, node: number): number {
  return countsOf(tree, rollUp, node)[0]?.look ?? LOOKS.length - 1;
}

/** What a box is called to those who do not see it. */
export function spoken(graph: Graph, tree: Tree, rollUp: RollUp, node: number, ups: number, downs: number): string {
  const links = `${ups} upstream, ${downs} downstream`;
  if (node < tree.assets) return `${graph.keys[node]}, ${LOOKS[graph.look[node]!]}, ${links}`;
  const counts = countsOf(tree, rollUp, node).map(({ look, count }) => `${count} ${LOOKS[look]}`);
  return `group ${tree.label[node]}, ${counts.join(", ")}, ${links}`;
}
