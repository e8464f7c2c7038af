import { listIn } from "@/address/address.ts";
import { FAR } from "./reach.ts";
import { openAtFirst, type Tree, withAncestors } from "./tree.ts";

/** What the address of the page says, in terms of the graph that is there now. */
export interface Looked {
  /** The node that is looked at; -1 for none, or for one that is not there. */
  readonly subject: number;
  /** Groups that are open, lower numbers first. */
  readonly expanded: readonly number[];
}

export function lookedAt(tree: Tree, nodes: ReadonlyMap<string, number>, focus: string, expand: string | null): Looked {
  const subject = nodes.get(focus) ?? -1;
  const named = expand === null ? openAtFirst(tree) : new Set<number>();
  for (const path of listIn(expand ?? "")) {
    const node = nodes.get(path);
    if (node !== undefined && node >= tree.assets) named.add(node);
  }
  // What is looked at is seen, however deep it lies.
  const above = subject >= 0 && tree.parent[subject]! >= 0 ? [tree.parent[subject]!] : [];
  return { subject, expanded: [...withAncestors(tree, [...named, ...above])].sort((a, b) => a - b) };
}

/** Nodes by path. Where an asset is called as a group is, the asset is meant. */
export function nodesByPath(tree: Tree): Map<string, number> {
  const nodes = new Map<string, number>();
  for (let node = tree.path.length - 1; node >= 0; node--) nodes.set(tree.path[node]!, node);
  return nodes;
}

/** The groups that are open once one was opened or closed. Who closes it closes what is in it. */
export function toggled(tree: Tree, expanded: readonly number[], node: number): number[] {
  if (!expanded.includes(node)) return [...expanded, node];
  return expanded.filter((one) => !withAncestors(tree, [one]).has(node));
}

/** How many edges away things are lit: all of them, unless the address has a number. */
export function depthIn(text: string): number {
  return /^\d{1,3}$/.test(text) ? Number(text) : FAR;
}
