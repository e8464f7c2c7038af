import { NOBODY, type Tree } from "./tree.ts";

export interface ListRow {
  readonly node: number;
  /** From 1, as `aria-level` has it. */
  readonly level: number;
  readonly isOpen: boolean;
  /** Which of how many in its group, from 1. */
  readonly at: number;
  readonly of: number;
}

/** The tree as rows from top to bottom, where these groups are open; with `only` those assets and what they are in. */
export function listRows(tree: Tree, expanded: ReadonlySet<number>, only: Uint8Array | null): ListRow[] {
  const holds = new Set<number>();
  if (only) {
    for (let asset = 0; asset < tree.assets; asset++) {
      if (only[asset]) for (let at = asset; at !== NOBODY && !holds.has(at); at = tree.parent[at]!) holds.add(at);
    }
  }
  const rows: ListRow[] = [];
  const visit = (nodes: readonly number[], level: number): void => {
    const there = only ? nodes.filter((node) => holds.has(node)) : nodes;
    there.forEach((node, n) => {
      const isOpen = expanded.has(node);
      rows.push({ node, level, isOpen, at: n + 1, of: there.length });
      if (isOpen) visit(tree.children[node]!, level + 1);
    });
  };
  visit(tree.roots, 1);
  return rows;
}
