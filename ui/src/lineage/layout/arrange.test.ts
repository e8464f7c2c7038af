import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Graph, graphOf } from "../graph.ts";
import { randomGraph } from "../sample.ts";
import { BOXES_MAX, openAtFirst, treeOf } from "../tree.ts";
import { viewOf } from "../view.ts";
import { arranged, seedsOf } from "./arrange.ts";
import { type Lines, type Scene, SIZES } from "./scene.ts";

const graphs = fc
  .record({
    assets: fc.integer({ min: 1, max: 90 }),
    groups: fc.integer({ min: 1, max: 9 }),
    density: fc.double({ min: 0, max: 2.5, noNaN: true }),
    seed: fc.nat(),
    blocky: fc.boolean(),
  })
  .map(({ assets, groups, density, seed, blocky }) =>
    randomGraph({ assets, groups, edges: Math.round(assets * density), seed, blocky }),
  );

/** A graph, and some of its groups that are open. */
const views = fc.tuple(graphs, fc.integer()).map(([graph, bits]) => {
  const tree = treeOf(graph);
  const open = new Set(tree.path.flatMap((_, n) => (n >= tree.assets && (bits >> (n % 31)) & 1 ? [n] : [])));
  return { graph, tree, open, view: viewOf(graph, tree, open) };
});

const paths = (lines: Lines): [number, number][][] =>
  Array.from(lines.from, (_, e) =>
    Array.from({ length: lines.start[e + 1]! - lines.start[e]! }, (_, p) => {
      const at = 2 * (lines.start[e]! + p);
      return [lines.path[at]!, lines.path[at + 1]!];
    }),
  );

const inside = (scene: Scene, box: number, frame: number): boolean => {
  for (let at = box; at >= 0; at = scene.parent[at]!) if (at === frame) return true;
  return false;
};

describe("whatever the graph and the groups that are open", () => {
  test("no box overlaps another, and frames enclose what is in them", () => {
    fc.assert(
      fc.property(views, ({ view }) => {
        const scene = arranged(view);
        for (let a = 0; a < scene.node.length; a++) {
          for (let b = a + 1; b < scene.node.length; b++) {
            const apart =
              scene.x[a]! + scene.width[a]! < scene.x[b]! ||
              scene.x[b]! + scene.width[b]! < scene.x[a]! ||
              scene.y[a]! + scene.height[a]! < scene.y[b]! ||
              scene.y[b]! + scene.height[b]! < scene.y[a]!;
            if (inside(scene, b, a)) {
              expect(scene.x[b]!).toBeGreaterThan(scene.x[a]!);
              expect(scene.x[b]! + scene.width[b]!).toBeLessThan(scene.x[a]! + scene.width[a]!);
              expect(scene.y[b]!).toBeGreaterThan(scene.y[a]!);
              expect(scene.y[b]! + scene.height[b]!).toBeLessThan(scene.y[a]! + scene.height[a]!);
            } else expect(apart, `boxes ${a} and ${b}`).toBe(true);
          }
        }
      }),
    );
  });

  test("every line runs from left to right, from the edge of its box to that of the other", () => {
    fc.assert(
      fc.property(views, ({ view }) => {
        const scene = arranged(view);
        paths(scene.lines).forEach((path, e) => {
          const points = scene.lines.against[e] ? path.toReversed() : path;
          const [from, to] = scene.lines.against[e]
            ? [scene.lines.to[e]!, scene.lines.from[e]!]
            : [scene.lines.from[e]!, scene.lines.to[e]!];
          const begin = [scene.x[from]! + scene.width[from]!, scene.y[from]! + scene.height[from]! / 2];
          const end = [scene.x[to]!, scene.y[to]! + scene.height[to]! / 2];
          expect(points[0]!).toEqual(begin.map((at) => expect.closeTo(at, 6)));
          expect(points.at(-1)).toEqual(end.map((at) => expect.closeTo(at, 6)));
          expect(points.length % 2).toBe(0);
          points.slice(1).forEach(([x, y], p) => {
            expect(x).toBeGreaterThanOrEqual(points[p]![0] - 1e-9);
            if (p % 2 === 0) expect(y).toBeCloseTo(points[p]![1], 6);
          });
        });
      }),
    );
  });

  test("no line crosses a box that it does not begin or end at", () => {
    fc.assert(
      fc.property(views, ({ view }) => {
        const scene = arranged(view);
        paths(scene.lines).forEach((path, e) => {
          const points = scene.lines.against[e] ? path.toReversed() : path;
          for (let p = 1; p < points.length; p++) {
            const left = points[p - 1]![0];
            const right = points[p]![0];
            const top = Math.min(points[p - 1]![1], points[p]![1]);
            const bottom = Math.max(points[p - 1]![1], points[p]![1]);
            for (let box = 0; box < scene.node.length; box++) {
              if (
                scene.isFrame[box] &&
                (inside(scene, scene.lines.from[e]!, box) || inside(scene, scene.lines.to[e]!, box))
              ) {
                continue;
              }
              const clear =
                right <= scene.x[box]! + 1e-6 ||
                left >= scene.x[box]! + scene.width[box]! - 1e-6 ||
                bottom <= scene.y[box]! ||
                top >= scene.y[box]! + scene.height[box]!;
              expect(clear, `line ${e} and box ${box}`).toBe(true);
            }
          }
        });
      }),
    );
  });

  test("the same input is drawn the same", () => {
    fc.assert(
      fc.property(views, ({ view }) => {
        expect(arranged(view)).toEqual(arranged(view));
      }),
    );
  });

  test("all is within the bounds, lanes too", () => {
    fc.assert(
      fc.property(views, ({ view }) => {
        const scene = arranged(view);
        const [left, top, right, bottom] = [...scene.bounds] as [number, number, number, number];
        for (const path of [...paths(scene.lines), ...paths(scene.bundles)]) {
          for (const [x, y] of path) {
            expect(x >= left - 1e-6 && x <= right + 1e-6).toBe(true);
            expect(y >= top - 1e-6 && y <= bottom + 1e-6).toBe(true);
          }
        }
      }),
    );
  });

  test("opening a group leaves the columns of all others, and their order, as they were", () => {
    fc.assert(
      fc.property(views, fc.nat(), ({ graph, tree, open, view }, pick) => {
        const before = arranged(view);
        const closed = [...before.node].filter((node) => node >= tree.assets && !open.has(node));
        if (!closed.length) return;
        const more = closed[pick % closed.length]!;
        const after = arranged(viewOf(graph, tree, new Set([...open, more])), seedsOf(before));
        const now = new Map([...after.node].map((node, box) => [node, box]));
        [...before.node].forEach((node, box) => {
          const other = now.get(node) as number;
          expect(after.column[other]!).toBe(before.column[box]!);
          [...before.node].forEach((sibling, b) => {
            const together = before.parent[b]! === before.parent[box]! && before.column[b]! === before.column[box]!;
            const bound = before.lines.count.length > 0 && b !== box && together && before.y[b]! > before.y[box]! + 1;
            if (bound && before.x[b]! === before.x[box]!) {
              const a = now.get(sibling) as number;
              if (after.x[a]! === after.x[other]!) expect(after.y[a]!).toBeGreaterThan(after.y[other]!);
            }
          });
        });
      }),
    );
  });

  test("only lines in a cycle of groups run against the flow: none between assets", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const tree = treeOf(graph);
        const all = new Set([...tree.parent.keys()].filter((n) => n >= tree.assets));
        const flat: Graph = { ...graph, groups: [""], groupOf: new Uint32Array(graph.keys.length) };
        const flatTree = treeOf(flat);
        if (graph.keys.length <= BOXES_MAX) {
          const scene = arranged(viewOf(flat, flatTree, new Set(flatTree.roots)));
          expect([...scene.lines.against]).not.toContain(1);
        }
        expect(arranged(viewOf(graph, tree, all)).lines.from.length).toBe(graph.from.length);
      }),
    );
  });
});

test("one asset reads another", () => {
  const graph = graphOf({
    keys: ["raw", "daily"],
    groups: ["flights"],
    groupOf: [0, 0],
    statusNames: ["FRESH"],
    statusOf: [0, 0],
    flagNames: [],
    flagsOf: [0, 0],
    edgesFrom: [0],
    edgesTo: [1],
  });
  const tree = treeOf(graph);
  const scene = arranged(viewOf(graph, tree, openAtFirst(tree)));
  expect(scene.node).toEqual(Uint32Array.of(2, 0, 1));
  expect(scene.column).toEqual(Uint32Array.of(0, 0, 1));
  expect(scene.y[1]!).toBe(scene.y[2]!);
});

test("a box between two far ones stands in their line", () => {
  const ends = { from: [0, 1, 0], to: [1, 2, 2] };
  const graph = graphOf({
    keys: ["a", "b", "c"],
    groups: ["g"],
    groupOf: [0, 0, 0],
    statusNames: ["FRESH"],
    statusOf: [0, 0, 0],
    flagNames: [],
    flagsOf: [0, 0, 0],
    edgesFrom: ends.from,
    edgesTo: ends.to,
  });
  const tree = treeOf(graph);
  const scene = arranged(viewOf(graph, tree, openAtFirst(tree)));
  const past = paths(scene.lines)[2]!;
  expect(past).toHaveLength(6);
  expect(Math.abs(past[2]![1] - (scene.y[2]! + scene.height[2]! / 2))).toBeGreaterThan(scene.height[2]! / 2);
});

test("lines to different boxes of a frame come in at different places of its border", () => {
  const graph = graphOf({
    keys: ["a", "b", "c"],
    groups: ["one", "two"],
    groupOf: [0, 1, 1],
    statusNames: ["FRESH"],
    statusOf: [0, 0, 0],
    flagNames: [],
    flagsOf: [0, 0, 0],
    edgesFrom: [0, 0],
    edgesTo: [1, 2],
  });
  const tree = treeOf(graph);
  const scene = arranged(viewOf(graph, tree, openAtFirst(tree)));
  const border = scene.x[scene.boxOf[1] as number]! - 1;
  const [up, down] = paths(scene.lines).map((path) => path.filter(([x]) => x < border).at(-1)?.[1]);
  expect(Math.abs(up! - down!)).toBeGreaterThan(20);
});

describe("ten thousand assets and twenty thousand edges", () => {
  const graph = randomGraph({ assets: 10_000, groups: 120, edges: 20_000, seed: 7, blocky: true });
  const tree = treeOf(graph);

  test("are at most sixty boxes at a level", () => {
    expect(tree.roots.length).toBeLessThanOrEqual(BOXES_MAX);
    for (const children of tree.children) expect(children.length).toBeLessThanOrEqual(BOXES_MAX);
  });

  test("are all laid out, with all groups open, with those of the first view, and flat", () => {
    const all = new Set([...tree.parent.keys()].filter((n) => n >= tree.assets));
    const flat = { ...graph, groups: ["all"], groupOf: new Uint32Array(10_000) };
    const flatTree = { ...treeOf(flat), parent: new Int32Array(10_001).fill(-1), roots: graph.keys.map((_, n) => n) };
    expect(arranged(viewOf(graph, tree, all)).x.length).toBe(tree.parent.length);
    expect(arranged(viewOf(graph, tree, openAtFirst(tree))).x.length).toBe(tree.roots.length);
    expect(arranged(viewOf(flat, flatTree, new Set())).x.length).toBe(10_000);
  });
});

test("where columns of cards are many they are slim, and so they stay whatever is open beside them", () => {
  const chain = (length: number, other: number) => {
    const keys = Array.from({ length: length + other }, (_, n) => `a${n}`);
    const graph = graphOf({
      keys,
      groups: ["long", "other"],
      groupOf: keys.map((_, n) => (n < length ? 0 : 1)),
      statusNames: ["FRESH"],
      statusOf: keys.map(() => 0),
      flagNames: [],
      flagsOf: keys.map(() => 0),
      edgesFrom: keys.slice(1).map((_, n) => n),
      edgesTo: keys.slice(1).map((_, n) => n + 1),
    });
    const tree = treeOf(graph);
    const [long = 0, beside = 0] = tree.roots;
    return { long, scenes: [[long], [long, beside]].map((open) => arranged(viewOf(graph, tree, new Set(open)))) };
  };
  const { slim, card } = SIZES;
  for (const scene of chain(20, 3).scenes) {
    const [first = 0, second = 0, last = 0] = [0, 1, 19].map((node) => scene.boxOf[node]!);
    expect(scene.width[first]).toBe(slim.width);
    expect(scene.x[second]! - scene.x[first]!).toBeLessThan(180);
    expect(scene.column[last]! - scene.column[first]!).toBe(19);
  }
  for (const scene of chain(slim.columns - 1, 3).scenes) expect(scene.width[scene.boxOf[0]!]).toBe(card.width);
});
