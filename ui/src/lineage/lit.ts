import type { Graph } from "./graph.ts";
import type { Scene } from "./layout/scene.ts";
import { FAR, type Reach } from "./reach.ts";

/** What is lit for who looks at one asset or group: causes lead to it, effects follow from it. */
export const UNLIT = 0;
export const CAUSE = 1;
export const EFFECT = 2;
export const SUBJECT = 3;

export interface Lit {
  readonly boxes: Uint8Array;
  readonly lines: Uint8Array;
  readonly bundles: Uint8Array;
}

/** An edge is lit if it lies on a way to the subject or from it, and what it is drawn by with it. */
export function litBy(graph: Graph, scene: Scene, reach: Reach): Lit {
  const boxes = new Uint8Array(scene.node.length);
  const lines = new Uint8Array(scene.lines.from.length);
  const bundles = new Uint8Array(scene.bundles.from.length);
  scene.boxOf.forEach((box, asset) => {
    if (box < 0) return;
    const up = reach.up[asset]!;
    const down = reach.down[asset]!;
    if (up === 0) boxes[box] = SUBJECT;
    else if (up !== FAR) boxes[box] = Math.max(boxes[box]!, CAUSE);
    else if (down !== FAR) boxes[box] = Math.max(boxes[box]!, EFFECT);
  });
  scene.lineOf.forEach((line, edge) => {
    if (line < 0) return;
    const from = graph.from[edge]!;
    const to = graph.to[edge]!;
    const cause = reach.up[from] !== FAR && reach.up[to] !== FAR;
    const effect = reach.down[from] !== FAR && reach.down[to] !== FAR;
    const isWithin = reach.up[from] === 0 && reach.up[to] === 0;
    if ((!cause && !effect) || isWithin) return;
    const lit = cause ? CAUSE : EFFECT;
    lines[line] = lit;
    bundles[scene.bundleOf[line]!] = lit;
  });
  for (let box = boxes.length - 1; box >= 0; box--) {
    const above = scene.parent[box]!;
    if (above >= 0 && boxes[box]) boxes[above] ||= boxes[box] === SUBJECT ? SUBJECT : boxes[box]!;
  }
  return { boxes, lines, bundles };
}
