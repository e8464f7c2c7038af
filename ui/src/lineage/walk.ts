import type { Scene } from "./layout/scene.ts";

export type Way = "left" | "right" | "up" | "down";

const KEYS: Readonly<Record<string, Way>> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

export function wayOf(key: string): Way | null {
  return KEYS[key] ?? null;
}

/**
 * The box that an arrow key leads to: left and right along lines, to the one at most the same height; up and down to the
 * next in the column, then in the whole drawing; from a frame into it, and from the first in it back to it. -1 where
 * there is none.
 */
export function walked(scene: Scene, box: number, way: Way): number {
  if (way === "left" || way === "right") return along(scene, box, way);
  if (way === "down" && scene.isFrame[box]) return firstIn(scene, box);
  if (way === "up" && scene.parent[box]! >= 0 && firstIn(scene, scene.parent[box]!) === box) return scene.parent[box]!;
  const down = way === "down" ? 1 : -1;
  const middle = scene.y[box]! + scene.height[box]! / 2;
  let best = -1;
  let nearest = Infinity;
  for (let other = 0; other < scene.node.length; other++) {
    if (other === box || scene.isFrame[other]) continue;
    const dy = down * (scene.y[other]! + scene.height[other]! / 2 - middle);
    if (dy <= 0.5) continue;
    const isSibling = scene.parent[other] === scene.parent[box] && scene.column[other] === scene.column[box];
    // A neighbour of the same column comes before what is nearer elsewhere.
    const away = dy + (isSibling ? 0 : 1e6 + 3 * Math.abs(scene.x[other]! - scene.x[box]!));
    if (away < nearest) {
      nearest = away;
      best = other;
    }
  }
  return best;
}

/** The highest of the first column in a frame. */
function firstIn(scene: Scene, frame: number): number {
  let first = -1;
  for (let box = 0; box < scene.node.length; box++) {
    if (scene.parent[box] !== frame) continue;
    const isBefore =
      first < 0 ||
      scene.column[box]! < scene.column[first]! ||
      (scene.column[box] === scene.column[first] && scene.y[box]! < scene.y[first]!);
    if (isBefore) first = box;
  }
  return first;
}

function along(scene: Scene, box: number, way: "left" | "right"): number {
  const lines = scene.isFrame[box] ? scene.bundles : scene.lines;
  const own = way === "left" ? lines.to : lines.from;
  const ends = way === "left" ? lines.from : lines.to;
  const middle = scene.y[box]! + scene.height[box]! / 2;
  let best = -1;
  let nearest = Infinity;
  for (let line = 0; line < own.length; line++) {
    if (own[line] !== box) continue;
    const end = ends[line]!;
    const away = Math.abs(scene.y[end]! + scene.height[end]! / 2 - middle);
    if (away < nearest) {
      nearest = away;
      best = end;
    }
  }
  return best;
}
