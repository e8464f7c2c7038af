import type { Graph } from "../graph.ts";
import { type Tree, treeOf } from "../tree.ts";
import { viewOf } from "../view.ts";
import { arranged, seedsOf } from "./arrange.ts";
import type { Scene } from "./scene.ts";

/** What the worker is asked: to know a graph from now on, or to lay out what is shown of it. */
export type Request =
  | { readonly kind: "graph"; readonly graph: Graph }
  | {
      readonly kind: "arrange";
      readonly id: number;
      readonly expanded: readonly number[];
      /** 1 for the assets that are shown; all if null. */
      readonly only: Uint8Array | null;
    };

export interface Answer {
  readonly id: number;
  readonly scene: Scene;
  readonly tookMs: number;
}

/** Answers requests one after another; each layout begins with what the one before looked like, by the names of boxes. */
export function session(now: () => number): (request: Request) => Answer | null {
  let graph: Graph | null = null;
  let tree: Tree | null = null;
  let seen = new Map<string, number>();
  return (request) => {
    if (request.kind === "graph") {
      graph = request.graph;
      tree = treeOf(graph);
      return null;
    }
    if (!graph || !tree) throw new Error("a graph has to come before it is laid out");
    const begun = now();
    const { path } = tree;
    const view = viewOf(graph, tree, new Set(request.expanded), request.only);
    const seeds = new Map<number, number>();
    for (const node of view.node) {
      const y = seen.get(path[node]!);
      if (y !== undefined) seeds.set(node, y);
    }
    const scene = arranged(view, seeds);
    seen = new Map([...seen, ...[...seedsOf(scene)].map(([node, y]) => [path[node]!, y] as const)]);
    return { id: request.id, scene, tookMs: now() - begun };
  };
}
