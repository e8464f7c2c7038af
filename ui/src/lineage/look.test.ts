import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { depthIn, lookedAt, nodesByPath, toggled } from "./address.ts";
import { graphOf, neighboursOf } from "./graph.ts";
import { arranged } from "./layout/arrange.ts";
import { linkCounter } from "./links.ts";
import { listRows } from "./list.ts";
import { CAUSE, EFFECT, litBy, SUBJECT, UNLIT } from "./lit.ts";
import { shortName, spoken } from "./names.ts";
import { FAR, reached, reachOf } from "./reach.ts";
import { randomGraph } from "./sample.ts";
import { membersOf, rollUp, treeOf } from "./tree.ts";
import { viewOf } from "./view.ts";
import { type Way, walked } from "./walk.ts";

/** in: raw, other; day: day/flights, day/weather; out: report. raw → flights → report, raw → weather, other → weather. */
const graph = graphOf({
  keys: ["raw", "other", "day/flights", "day/weather", "report"],
  groups: ["in", "day", "out"],
  groupOf: [0, 0, 1, 1, 2],
  statusNames: ["FRESH", "STALE"],
  statusOf: [0, 0, 1, 0, 1],
  flagNames: ["FAILED"],
  flagsOf: [0, 0, 0, 1, 0],
  edgesFrom: [0, 0, 1, 2],
  edgesTo: [2, 3, 3, 4],
});
const tree = treeOf(graph);
const [into, day, out] = tree.roots as [number, number, number];
const neighbours = neighboursOf(graph);
const sceneOf = (...open: number[]) => arranged(viewOf(graph, tree, new Set(open)));
const boxOf = (scene: ReturnType<typeof sceneOf>, node: number) => scene.node.indexOf(node);

describe("what is lit", () => {
  test("leads to what is looked at, or follows from it; all else is dim", () => {
    const scene = sceneOf(into, day, out);
    const lit = litBy(graph, scene, reachOf(graph, neighbours, [2]));
    const marks = [0, 1, 2, 3, 4].map((asset) => lit.boxes[boxOf(scene, asset)]);
    expect(marks).toEqual([CAUSE, UNLIT, SUBJECT, UNLIT, EFFECT]);
    expect([...scene.lineOf].map((line) => lit.lines[line])).toEqual([CAUSE, UNLIT, UNLIT, EFFECT]);
  });

  test("is a group if something in it is, and the lines of it", () => {
    const scene = sceneOf(day);
    const lit = litBy(graph, scene, reachOf(graph, neighbours, [2]));
    expect(lit.boxes[boxOf(scene, into)]).toBe(CAUSE);
    expect(lit.boxes[boxOf(scene, day)]).toBe(SUBJECT);
    expect([...lit.bundles].sort()).toEqual([CAUSE, EFFECT]);
  });

  test("no lines are within a group that is looked at", () => {
    const scene = sceneOf(into, day, out);
    const lit = litBy(graph, scene, reachOf(graph, neighbours, membersOf(tree, day)));
    expect([...scene.lineOf].map((line) => lit.lines[line])).toEqual([CAUSE, CAUSE, CAUSE, EFFECT]);
  });
});

test("links of a group are those with others", () => {
  const linksOf = linkCounter(graph, tree, neighbours);
  expect(linksOf(3)).toEqual({ ups: 2, downs: 0 });
  expect(linksOf(day)).toEqual({ ups: 3, downs: 1 });
});

test("boxes say what the group around them does not, and who does not see them hears all", () => {
  const rolled = rollUp(tree, graph.look, null);
  expect(shortName(tree, 2)).toBe("flights");
  expect(shortName(tree, 4)).toBe("report");
  const groups = treeOf(randomGraph({ assets: 200, groups: 100, edges: 0, seed: 1, blocky: true }));
  const [stage] = groups.roots as [number];
  expect(groups.label[groups.children[stage]![0]!]).toBe("raw_orders");
  expect(shortName(groups, groups.children[stage]![0]!)).toBe("orders");
  expect(spoken(graph, tree, rolled, 3, 2, 0)).toBe("day/weather, failed, 2 upstream, 0 downstream");
  expect(spoken(graph, tree, rolled, day, 3, 1)).toBe("group day, 1 failed, 1 stale, 3 upstream, 1 downstream");
});

describe("arrow keys", () => {
  const scene = sceneOf(into, day, out);
  const step = (node: number, way: Way) => scene.node[walked(scene, boxOf(scene, node), way)] ?? -1;

  test("follow lines", () => {
    expect(step(2, "left")).toBe(0);
    expect(step(2, "right")).toBe(4);
    expect(step(4, "right")).toBe(-1);
    expect(step(into, "right")).toBe(day);
  });

  test("lead from a frame to the first that is in it, and back", () => {
    for (const frame of [into, day, out]) {
      const first = step(frame, "down");
      expect(tree.parent[first]).toBe(frame);
      expect(step(first, "up")).toBe(frame);
    }
  });

  test("come to every neighbour above and below", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const some = randomGraph({ assets: 30, groups: 3, edges: 40, seed, blocky: false });
        const groups = treeOf(some);
        const all = arranged(viewOf(some, groups, new Set(groups.roots)));
        for (let box = 0; box < all.node.length; box++) {
          const below = walked(all, box, "down");
          if (below < 0 || all.isFrame[box]) continue;
          expect(all.y[below]! + all.height[below]! / 2).toBeGreaterThan(all.y[box]! + all.height[box]! / 2);
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe("the list", () => {
  test("has the rows that are open, with their place among their like", () => {
    const rows = listRows(tree, new Set([day]), null);
    expect(rows.map(({ node, level, at, of }) => [tree.path[node], level, at, of])).toEqual([
      ["in", 1, 1, 3],
      ["day", 1, 2, 3],
      ["day/flights", 2, 1, 2],
      ["day/weather", 2, 2, 2],
      ["out", 1, 3, 3],
    ]);
  });

  test("has only what is wanted, and what that is in", () => {
    const only = reached(reachOf(graph, neighbours, [4], 1, 0));
    expect(listRows(tree, new Set([into, day, out]), only).map(({ node }) => tree.path[node])).toEqual([
      "day",
      "day/flights",
      "out",
      "report",
    ]);
  });
});

describe("the address", () => {
  const nodes = nodesByPath(tree);

  test("opens what it names, and what is around what is looked at", () => {
    expect(lookedAt(tree, nodes, "day/flights", "in,gone")).toEqual({ subject: 2, expanded: [into, day] });
    expect(lookedAt(tree, nodes, "gone", ",")).toEqual({ subject: -1, expanded: [] });
    expect(lookedAt(tree, nodes, "", null).expanded).toEqual([into, day, out]);
  });

  test("closing a group closes what is in it", () => {
    const large = randomGraph({ assets: 200, groups: 100, edges: 0, seed: 1, blocky: true });
    const groups = treeOf(large);
    const [outer, ...others] = groups.roots as [number, ...number[]];
    const inner = groups.children[outer]!;
    expect(toggled(groups, [outer, ...inner, ...others], outer)).toEqual(others);
    expect(toggled(groups, others, outer)).toEqual([...others, outer]);
  });

  test("says how far things are lit", () => {
    expect([depthIn("2"), depthIn(""), depthIn("all"), depthIn("-1")]).toEqual([2, FAR, FAR, FAR]);
  });
});
