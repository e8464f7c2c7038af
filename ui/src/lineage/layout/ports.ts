import type { View } from "../view.ts";

/** What is laid out in one frame: its boxes, and ports on its border for lines that go on outside. */
export interface Local {
  /** The box of the view; -1 for ports. */
  readonly box: Int32Array;
  /** Of ports -1 on the left border, 1 on the right one; 0 for boxes. */
  readonly side: Int8Array;
  /** Edges without cycles: those of `against` are turned round. */
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly against: Uint8Array;
  readonly count: Uint32Array;
  /** Where an end is a frame: the ports of it that the lines run through. */
  readonly fromPorts: readonly (readonly number[])[];
  readonly toPorts: readonly (readonly number[])[];
}

export interface PortPlan {
  /** Frame 0 is all; that of box b has number b + 1. */
  readonly frames: readonly Local[];
  /** Of each line of the view the edges that it consists of, from left to right. */
  readonly chainStart: Uint32Array;
  readonly chainFrame: Uint32Array;
  readonly chainEdge: Uint32Array;
  /** Where each runs between two boxes of one frame: that frame, and its edge. */
  readonly liftFrame: Uint32Array;
  readonly lift: Uint32Array;
  /** 1 for lines that were turned round. */
  readonly against: Uint8Array;
}

type AgainstOf = (
  count: number,
  from: readonly number[],
  to: readonly number[],
  weight: readonly number[],
) => Uint8Array;

interface Making {
  readonly box: number[];
  readonly side: number[];
  readonly from: number[];
  readonly to: number[];
  readonly count: number[];
  readonly fromPorts: number[][];
  readonly toPorts: number[][];
  against: Uint8Array;
}

const UNMADE = -1;

/** Lines split at the borders of frames. A box has one port on each side, however many lines leave through it. */
export function ports(view: View, againstOf: AgainstOf): PortPlan {
  const boxes = view.node.length;
  const frames: Making[] = Array.from({ length: boxes + 1 }, () => ({
    box: [],
    side: [],
    from: [],
    to: [],
    count: [],
    fromPorts: [],
    toPorts: [],
    against: new Uint8Array(),
  }));
  const local = new Int32Array(boxes);
  const depth = new Uint32Array(boxes);
  for (let box = 0; box < boxes; box++) {
    const above = frames[view.parent[box]! + 1]!;
    local[box] = above.box.push(box) - 1;
    above.side.push(0);
    depth[box] = view.parent[box]! < 0 ? 0 : depth[view.parent[box]!]! + 1;
  }

  // Where each line runs between two boxes of one frame, and which of those run against the flow.
  const lift = new Uint32Array(view.from.length);
  const liftFrame = new Uint32Array(view.from.length);
  const lifts = new Map<number, number>();
  for (let e = 0; e < view.from.length; e++) {
    const [a, b] = siblings(view.from[e]!, view.to[e]!);
    const frame = frames[view.parent[a]! + 1]!;
    let edge = lifts.get(a * boxes + b);
    if (edge === undefined) {
      edge = addEdge(frame, local[a]!, local[b]!);
      lifts.set(a * boxes + b, edge);
    }
    frame.count[edge]! += view.count[e]!;
    lift[e] = edge;
    liftFrame[e] = view.parent[a]! + 1;
  }
  for (const frame of frames) {
    frame.against = againstOf(frame.box.length, frame.from, frame.to, frame.count);
    frame.against.forEach((against, e) => {
      if (against) [frame.from[e], frame.to[e]] = [frame.to[e]!, frame.from[e]!];
    });
  }

  const sides = [
    { side: 1, port: new Int32Array(boxes).fill(UNMADE), edge: new Int32Array(boxes) },
    { side: -1, port: new Int32Array(boxes).fill(UNMADE), edge: new Int32Array(boxes) },
  ] as const;
  const chainStart = new Uint32Array(view.from.length + 1);
  const chainFrame: number[] = [];
  const chainEdge: number[] = [];
  const against = new Uint8Array(view.from.length);
  for (let e = 0; e < view.from.length; e++) {
    const frame = frames[liftFrame[e]!]!;
    against[e] = frame.against[lift[e]!]!;
    const [a, b] = against[e] ? [view.to[e]!, view.from[e]!] : [view.from[e]!, view.to[e]!];
    const out = border(a, liftFrame[e]! - 1, 0, view.count[e]!);
    const into = border(b, liftFrame[e]! - 1, 1, view.count[e]!);
    note(frame.fromPorts[lift[e]!]!, out.port);
    note(frame.toPorts[lift[e]!]!, into.port);
    for (const box of out.boxes) step(view.parent[box]! + 1, sides[0]!.edge[box]!);
    step(liftFrame[e]!, lift[e]!);
    for (const box of into.boxes.reverse()) step(view.parent[box]! + 1, sides[1]!.edge[box]!);
    chainStart[e + 1] = chainEdge.length;
  }
  return {
    frames: frames.map((frame) => ({
      box: Int32Array.from(frame.box),
      side: Int8Array.from(frame.side),
      from: Uint32Array.from(frame.from),
      to: Uint32Array.from(frame.to),
      against: Uint8Array.from(frame.from, (_, e) => frame.against[e] ?? 0),
      count: Uint32Array.from(frame.count),
      fromPorts: frame.fromPorts,
      toPorts: frame.toPorts,
    })),
    liftFrame,
    lift,
    chainStart,
    chainFrame: Uint32Array.from(chainFrame),
    chainEdge: Uint32Array.from(chainEdge),
    against,
  };

  function step(frame: number, edge: number): void {
    chainFrame.push(frame);
    chainEdge.push(edge);
  }

  function addEdge(frame: Making, from: number, to: number): number {
    frame.to.push(to);
    frame.count.push(0);
    frame.fromPorts.push([]);
    frame.toPorts.push([]);
    return frame.from.push(from) - 1;
  }

  /** The boxes that a line leaves through ports of their own on its way out of the frames up to `within`, and the last port. */
  function border(of: number, within: number, way: 0 | 1, count: number): { boxes: number[]; port: number } {
    const { side, port, edge } = sides[way]!;
    const passed: number[] = [];
    let inner = UNMADE;
    for (let box = of; view.parent[box]! !== within; box = view.parent[box]!) {
      const frame = frames[view.parent[box]! + 1]!;
      if (port[box]! === UNMADE) {
        port[box] = frame.box.push(-1) - 1;
        frame.side.push(side);
        edge[box] = side > 0 ? addEdge(frame, local[box]!, port[box]!) : addEdge(frame, port[box]!, local[box]!);
      }
      frame.count[edge[box]!]! += count;
      note(side > 0 ? frame.fromPorts[edge[box]!]! : frame.toPorts[edge[box]!]!, inner);
      inner = port[box]!;
      passed.push(box);
    }
    return { boxes: passed, port: inner };
  }

  function siblings(from: number, to: number): [number, number] {
    let a = from;
    let b = to;
    while (depth[a]! > depth[b]!) a = view.parent[a]!;
    while (depth[b]! > depth[a]!) b = view.parent[b]!;
    while (view.parent[a]! !== view.parent[b]!) {
      a = view.parent[a]!;
      b = view.parent[b]!;
    }
    return [a, b];
  }
}

function note(known: number[], port: number): void {
  if (port !== UNMADE && !known.includes(port)) known.push(port);
}
