import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MARKS } from "@/shared/marks.ts";
import { type Graph, graphOf, neighboursOf, numbersOf, withChanges } from "./graph.ts";
import { hitsOf, linesAt, rectOf } from "./hits.ts";
import { arranged } from "./layout/arrange.ts";
import { NO_SCENE } from "./layout/scene.ts";
import { session } from "./layout/session.ts";
import { byDistance, FAR, reached, reachOf } from "./reach.ts";
import { randomGraph } from "./sample.ts";
import { BOXES_MAX, openAtFirst, rollUp, standIn, treeOf, withAncestors } from "./tree.ts";
import { viewOf } from "./view.ts";

/** raw → daily → report, and raw → other; daily failed. */
const flights = graphOf({
  keys: ["raw", "daily", "other", "report"],
  groups: ["in", "out"],
  groupOf: [0, 0, 1, 1],
  statusNames: ["STALE", "FRESH"],
  statusOf: [1, 1, 0, 0],
  flagNames: ["RUNNING", "FAILED"],
  flagsOf: [0, 2, 3, 0],
  edgesFrom: [0, 1, 0],
  edgesTo: [1, 3, 2],
});
const looks = (of: Uint8Array) => [...of].map((look) => MARKS[look]);

test("what goes on now is seen first, then what went wrong, then the status", () => {
  expect(looks(flights.look)).toEqual(["fresh", "failed", "running", "stale"]);
});

describe("changes", () => {
  const none = { keys: [], statusNames: ["MISSING", "FRESH"], statusOf: [], flagNames: [], flagsOf: [], removed: [] };

  test("are made in a copy, and say what is to be drawn again", () => {
    const changes = { ...none, keys: ["daily", "raw"], statusOf: [1, 1], flagsOf: [0, 0] };
    const { graph, changed, outdated } = withChanges(flights, numbersOf(flights), changes);
    expect(looks(graph.look)).toEqual(["fresh", "fresh", "running", "stale"]);
    expect(looks(flights.look)[1]).toBe("failed");
    expect(changed).toEqual([1]);
    expect(outdated).toBe(false);
  });

  test("of assets that came or went say so", () => {
    const added = { ...none, keys: ["new"], statusOf: [0], flagsOf: [0] };
    expect(withChanges(flights, numbersOf(flights), added).outdated).toBe(true);
    expect(withChanges(flights, numbersOf(flights), { ...none, removed: ["raw"] }).outdated).toBe(true);
    expect(withChanges(flights, numbersOf(flights), { ...none, removed: ["else"] }).outdated).toBe(false);
  });
});

describe("reach", () => {
  const neighbours = neighboursOf(flights);

  test("upstream and downstream, by distance", () => {
    const reach = reachOf(flights, neighbours, [1]);
    expect(byDistance(reach.up)).toEqual([[0]]);
    expect(byDistance(reach.down)).toEqual([[3]]);
    expect([...reached(reach)]).toEqual([1, 1, 0, 1]);
  });

  test("no farther than wanted", () => {
    expect([...reachOf(flights, neighbours, [3], 1, 0).up]).toEqual([FAR, 1, FAR, 0]);
  });
});

describe("groups", () => {
  test("are rolled up, with what is marked", () => {
    const tree = treeOf(flights);
    const { looks: counts, total, marked } = rollUp(tree, flights.look, Uint8Array.of(1, 0, 1, 1));
    expect([...total]).toEqual([2, 2]);
    expect([...marked]).toEqual([1, 2]);
    expect([...counts]).toEqual([1, 0, 0, 0, 1, 0, 1, 1, 0, 0]);
  });

  test("are all open in a small project, and none where boxes would be too many", () => {
    const tree = treeOf(flights);
    expect([...openAtFirst(tree)].map((node) => tree.path[node])).toEqual(["in", "out"]);
    expect([...openAtFirst(tree, 3)]).toEqual([]);
  });

  test("hide what is in them", () => {
    const tree = treeOf(flights);
    const [into] = tree.roots as [number];
    expect(standIn(tree, new Set(), 0)).toBe(into);
    expect(standIn(tree, new Set([into]), 0)).toBe(0);
    expect([...withAncestors(tree, [into])]).toEqual([into]);
    const { from, to, count } = viewOf(flights, tree, new Set());
    expect([[...from], [...to], [...count]]).toEqual([[0], [1], [2]]);
  });

  test("have at most so many members each, by how names begin, each asset in one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.integer({ min: 1, max: 200 }),
        fc.nat(),
        (assets, groups, seed) => {
          const graph = randomGraph({ assets, groups, edges: 0, seed, blocky: false });
          const tree = treeOf(graph);
          const seen = new Set<number>();
          const visit = (nodes: readonly number[], above: number): void => {
            expect(nodes.length).toBeLessThanOrEqual(BOXES_MAX);
            for (const node of nodes) {
              expect(tree.parent[node]).toBe(above);
              expect(seen.has(node)).toBe(false);
              seen.add(node);
              visit(tree.children[node] ?? [], node);
            }
          };
          visit(tree.roots, -1);
          expect(seen.size).toBe(tree.parent.length);
          expect(new Set(tree.path).size).toBe(tree.path.length);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("a hundred groups are grouped by the first word of their names", () => {
    const graph = randomGraph({ assets: 500, groups: 100, edges: 0, seed: 1, blocky: true });
    const tree = treeOf(graph);
    expect(tree.roots.map((node) => tree.label[node])).toEqual([
      "raw_*",
      "stg_*",
      "int_*",
      "mart_*",
      "feature_*",
      "report_*",
    ]);
  });
});

describe("what is under the pointer", () => {
  const graph = randomGraph({ assets: 120, groups: 6, edges: 240, seed: 5, blocky: true });
  const tree = treeOf(graph);
  const scene = arranged(viewOf(graph, tree, new Set(tree.roots)));
  const hits = hitsOf(scene);

  test("is the innermost box", () => {
    for (let box = 0; box < scene.node.length; box++) {
      const { x, y, width, height } = rectOf(scene, box);
      expect(hits.at(x + (scene.isFrame[box] ? 2 : width / 2), y + (scene.isFrame[box] ? 2 : height / 2))).toBe(box);
    }
    expect(hits.at(-50, -50)).toBe(-1);
  });

  test("is found by the part that is seen", () => {
    const all = hits.in({ x: -1e4, y: -1e4, width: 1e6, height: 1e6 });
    expect(all.boxes.length + all.frames.length).toBe(scene.node.length);
    expect(all.boxes).toHaveLength(120);
    const { boxes } = hits.in(rectOf(scene, all.boxes[7] as number));
    expect(boxes).toEqual([all.boxes[7]]);
  });

  test("is the line through it", () => {
    for (let line = 0; line < scene.lines.from.length; line += 7) {
      const start = 2 * (scene.lines.start[line] as number);
      const found = linesAt(scene.lines, scene.lines.path[start] as number, scene.lines.path[start + 1] as number, 2);
      expect(found).toContain(line); // with all that begin where it does
      expect(new Set(found.map((one) => scene.lines.from[one]))).toEqual(new Set([scene.lines.from[line]]));
    }
    expect(linesAt(scene.lines, -500, 0, 5)).toEqual([]);
  });
});

test("assets that are new come between the others, which stay in the order that they were in", () => {
  const small = { assets: 50, groups: 1, edges: 90, blocky: false };
  for (let seed = 0; seed < 20; seed++) {
    const later = randomGraph({ ...small, seed });
    const isNew = (n: number) => n === 20 || n === 33;
    const edges = [...later.from.keys()].filter((e) => !isNew(later.from[e]!) && !isNew(later.to[e]!));
    const kept = [...later.keys.keys()].filter((n) => !isNew(n));
    const number = (n: number) => kept.indexOf(n);
    const before: Graph = {
      keys: kept.map((n) => later.keys[n]!),
      groups: later.groups,
      groupOf: new Uint32Array(kept.length),
      look: new Uint8Array(kept.length),
      from: Uint32Array.from(edges, (e) => number(later.from[e]!)),
      to: Uint32Array.from(edges, (e) => number(later.to[e]!)),
    };
    const answer = session(() => 0);
    const placesIn = (graph: Graph) => {
      answer({ kind: "graph", graph });
      const tree = treeOf(graph);
      const scene = answer({ kind: "arrange", id: 1, expanded: tree.roots, only: null })?.scene ?? NO_SCENE;
      return new Map(
        [...scene.node].map((node, box) => [tree.path[node]!, { column: scene.column[box]!, y: scene.y[box]! }]),
      );
    };
    const old = placesIn(before);
    const now = placesIn(later);
    for (const [a, was] of old) {
      for (const [b, other] of old) {
        const same = was.column === other.column && now.get(a)!.column === now.get(b)!.column;
        if (same && was.y < other.y) expect(now.get(a)!.y).toBeLessThan(now.get(b)!.y);
      }
    }
  }
});
