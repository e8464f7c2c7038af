import type { Rect } from "./camera.ts";
import type { Lines, Scene } from "./layout/scene.ts";

/** Which boxes are at a place. Cost: O(boxes near by), not O(all). */
export interface Hits {
  /** The innermost box at a point; -1 if none is. */
  at(x: number, y: number): number;
  /** The boxes that are no frames and touch a part of the drawing, by number; then the frames that do. */
  in(part: Rect): { boxes: number[]; frames: number[] };
}

const CELL = 600;
/** As far apart lines are seen as one. */
const TOGETHER = 0.5;

export function hitsOf(scene: Scene): Hits {
  const cells = new Map<string, number[]>();
  const frames: number[] = [];
  const range = (from: number, size: number): [number, number] => [
    Math.floor(from / CELL),
    Math.floor((from + size) / CELL),
  ];
  const eachCell = (rect: Rect, act: (key: string) => void): void => {
    const [left, right] = range(rect.x, rect.width);
    const [top, bottom] = range(rect.y, rect.height);
    for (let cx = left; cx <= right; cx++) for (let cy = top; cy <= bottom; cy++) act(`${cx} ${cy}`);
  };
  for (let box = 0; box < scene.node.length; box++) {
    if (scene.isFrame[box]) frames.push(box);
    else {
      eachCell(rectOf(scene, box), (key) => {
        const cell = cells.get(key);
        if (cell) cell.push(box);
        else cells.set(key, [box]);
      });
    }
  }
  const touches = (box: number, part: Rect): boolean =>
    scene.x[box]! <= part.x + part.width &&
    scene.x[box]! + scene.width[box]! >= part.x &&
    scene.y[box]! <= part.y + part.height &&
    scene.y[box]! + scene.height[box]! >= part.y;
  const all = (): number[] => Array.from(scene.node.keys()).filter((box) => !scene.isFrame[box]);
  return {
    at: (x, y) => {
      const point = { x, y, width: 0, height: 0 };
      for (const box of cells.get(`${Math.floor(x / CELL)} ${Math.floor(y / CELL)}`) ?? []) {
        if (touches(box, point)) return box;
      }
      return frames.findLast((box) => touches(box, point)) ?? -1; // the inner ones have higher numbers
    },
    in: (part) => {
      const found = new Set<number>();
      const [left, right] = range(part.x, part.width);
      const [top, bottom] = range(part.y, part.height);
      if ((right - left + 1) * (bottom - top + 1) > cells.size) for (const box of all()) found.add(box);
      else
        eachCell(part, (key) => {
          for (const box of cells.get(key) ?? []) found.add(box);
        });
      return {
        boxes: [...found].filter((box) => touches(box, part)).sort((a, b) => a - b),
        frames: frames.filter((box) => touches(box, part)),
      };
    },
  };
}

export function rectOf(scene: Scene, box: number): Rect {
  return { x: scene.x[box]!, y: scene.y[box]!, width: scene.width[box]!, height: scene.height[box]! };
}

/** Lines that run as one where they are nearest to a point, at most `most` above or below it. */
export function linesAt(lines: Lines, x: number, y: number, most: number): number[] {
  const near: { e: number; away: number }[] = [];
  let best = most;
  for (let e = 0; e < lines.from.length; e++) {
    const away = Math.abs(heightAt(lines, e, x) - y);
    if (!(away <= best + TOGETHER)) continue; // nor if it is not there at all
    near.push({ e, away });
    best = Math.min(best, away);
  }
  return near.filter(({ away }) => away <= Math.min(best + TOGETHER, most)).map(({ e }) => e);
}

/** The y of a line at x; NaN where it is not. */
function heightAt({ start, path, against }: Lines, e: number, x: number): number {
  const end = start[e + 1]! - start[e]! - 1;
  const px = (p: number): number => path[2 * (against[e] ? start[e + 1]! - 1 - p : start[e]! + p)]!;
  const py = (p: number): number => path[2 * (against[e] ? start[e + 1]! - 1 - p : start[e]! + p) + 1]!;
  if (x < px(0) || x > px(end)) return Number.NaN;
  let low = 0;
  let high = end;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (px(middle) <= x) low = middle;
    else high = middle;
  }
  if (py(low) === py(high)) return py(low);
  const part = (x - px(low)) / (px(high) - px(low));
  return py(low) + (py(high) - py(low)) * curveAt(part);
}

/** How far down a curve is (0 to 1) that is so far on: a cubic one, level at both ends, its handles in the middle. */
function curveAt(part: number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 12; i++) {
    const t = (low + high) / 2;
    const x = 1.5 * t * (1 - t) ** 2 + 1.5 * t ** 2 * (1 - t) + t ** 3;
    if (x < part) low = t;
    else high = t;
  }
  const t = (low + high) / 2;
  return 3 * t ** 2 * (1 - t) + t ** 3;
}
