import { MARKS } from "@/shared/marks.ts";
import { type Camera, type Rect, type Size, seen } from "../camera.ts";
import { worstOf } from "../names.ts";
import type { Palette } from "./palette.ts";
import type { Picture } from "./picture.ts";

/** All of the drawing in a corner, with what of it is seen. */
export interface Minimap {
  /** Boxes or how they look have changed. */
  refresh(picture: Picture, palette: Palette): void;
  look(camera: Camera, size: Size): void;
  /** The place of the drawing under a point of the map. */
  placeAt(x: number, y: number): { x: number; y: number };
}

const WIDTH = 180;
const HEIGHT = 116;
const MARGIN = 6;

export function minimap(canvas: HTMLCanvasElement): Minimap {
  const context = canvas.getContext("2d")!;
  const ratio = Math.min(2, devicePixelRatio || 1);
  canvas.width = WIDTH * ratio;
  canvas.height = HEIGHT * ratio;
  canvas.style.width = `${WIDTH}px`;
  canvas.style.height = `${HEIGHT}px`;
  const all = document.createElement("canvas");
  all.width = canvas.width;
  all.height = canvas.height;
  let bounds: Rect = { x: 0, y: 0, width: 1, height: 1 };
  let colours: Palette | null = null;
  const scale = (): number => Math.min((WIDTH - 2 * MARGIN) / bounds.width, (HEIGHT - 2 * MARGIN) / bounds.height);
  const left = (): number => (WIDTH - bounds.width * scale()) / 2 - bounds.x * scale();
  const top = (): number => (HEIGHT - bounds.height * scale()) / 2 - bounds.y * scale();
  return {
    refresh({ scene, graph, tree, rollUp }, palette) {
      const [x = 0, y = 0, right = 1, bottom = 1] = scene.bounds;
      bounds = { x, y, width: Math.max(1, right - x), height: Math.max(1, bottom - y) };
      colours = palette;
      const paint = all.getContext("2d")!;
      paint.setTransform(ratio, 0, 0, ratio, 0, 0);
      paint.clearRect(0, 0, WIDTH, HEIGHT);
      const by = scale();
      for (let pass = MARKS.length - 1; pass >= 0; pass--) {
        paint.fillStyle = palette.looks[pass]!;
        paint.globalAlpha = MARKS[pass] === "fresh" ? 0.4 : 1;
        for (let box = 0; box < scene.node.length; box++) {
          if (scene.isFrame[box]) continue;
          const node = scene.node[box]!;
          if ((node < tree.assets ? graph.look[node]! : worstOf(tree, rollUp, node)) !== pass) continue;
          paint.fillRect(
            left() + scene.x[box]! * by,
            top() + scene.y[box]! * by,
            Math.max(1.2, scene.width[box]! * by),
            Math.max(1.2, scene.height[box]! * by),
          );
        }
      }
    },
    look(camera, size) {
      if (!colours) return;
      const part = seen(camera, size);
      const isAll =
        part.x <= bounds.x &&
        part.y <= bounds.y &&
        part.x + part.width >= bounds.x + bounds.width &&
        part.y + part.height >= bounds.y + bounds.height;
      canvas.style.visibility = isAll ? "hidden" : "visible";
      if (isAll) return;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(all, 0, 0);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const by = scale();
      const x = Math.max(1, left() + part.x * by);
      const y = Math.max(1, top() + part.y * by);
      context.strokeStyle = colours.accent;
      context.fillStyle = colours.accent;
      context.lineWidth = 1.5;
      const width = Math.max(4, Math.min(WIDTH - 1, left() + (part.x + part.width) * by) - x);
      const height = Math.max(4, Math.min(HEIGHT - 1, top() + (part.y + part.height) * by) - y);
      context.globalAlpha = 0.1;
      context.fillRect(x, y, width, height);
      context.globalAlpha = 1;
      context.strokeRect(x, y, width, height);
    },
    placeAt: (x, y) => ({ x: (x - left()) / scale(), y: (y - top()) / scale() }),
  };
}
