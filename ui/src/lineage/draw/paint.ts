import { MARKS } from "@/shared/marks.ts";
import { type Camera, type Rect, type Size, seen } from "../camera.ts";
import type { Detail } from "../detail.ts";
import { type Lines, SIZES } from "../layout/scene.ts";
import { CAUSE, EFFECT, UNLIT } from "../lit.ts";
import { countsOf, shortName, worstOf } from "../names.ts";
import { drawGlyph } from "./glyphs.ts";
import type { Palette } from "./palette.ts";
import type { Picture } from "./picture.ts";

/** What encloses the lines of a scene, and its bundles. */
export interface Around {
  readonly lines: Float64Array;
  readonly bundles: Float64Array;
}

/** What is to be drawn of a picture, and how. */
export interface Frame {
  readonly picture: Picture;
  readonly around: Around;
  readonly camera: Camera;
  readonly size: Size;
  readonly ratio: number;
  readonly detail: Detail;
  readonly palette: Palette;
  /** Boxes and frames that are seen, and those of them that are elements of the document already. */
  readonly boxes: readonly number[];
  readonly frames: readonly number[];
  readonly drawn: ReadonlySet<number>;
  /** The lines under the pointer, of lines when near, else of bundles. */
  readonly hovered: readonly number[];
  /** How far lines have come in, from 0 to 1, after boxes have moved. */
  readonly settled: number;
}

const LABEL_PX = 11.5;
const TEXT_PX = 11;
const FRESH = MARKS.indexOf("fresh");

export function paint(context: CanvasRenderingContext2D, frame: Frame): void {
  const { camera, size, ratio, palette } = frame;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.globalAlpha = 1;
  context.fillStyle = palette.bg;
  context.fillRect(0, 0, size.width, size.height);
  context.setTransform(ratio * camera.scale, 0, 0, ratio * camera.scale, ratio * camera.x, ratio * camera.y);
  for (const box of frame.frames) paintFrame(context, frame, box);
  paintLines(context, frame);
  if (frame.detail === "far") paintBlocks(context, frame);
  else for (const box of frame.boxes) if (!frame.drawn.has(box)) paintBox(context, frame, box);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (frame.detail === "near") return;
  const groups = frame.detail === "far" ? frame.boxes.filter((box) => frame.picture.scene.isGroup[box]) : [];
  const taken: Rect[] = [];
  for (const box of [...frame.frames, ...groups]) paintLabel(context, frame, box, taken);
}

/** A line of a scene, from where it begins; `context` is in the coordinates of the drawing. */
export function trace(context: CanvasRenderingContext2D, { start, path }: Lines, e: number): void {
  const end = start[e + 1]!;
  let p = start[e]!;
  let x = path[2 * p]!;
  let y = path[2 * p + 1]!;
  context.moveTo(x, y);
  for (p++; p < end; p++) {
    const nx = path[2 * p]!;
    const ny = path[2 * p + 1]!;
    if (Math.abs(ny - y) < 0.5) context.lineTo(nx, ny);
    else context.bezierCurveTo((x + nx) / 2, y, (x + nx) / 2, ny, nx, ny);
    x = nx;
    y = ny;
  }
}

function paintFrame(context: CanvasRenderingContext2D, { picture, palette, camera }: Frame, box: number): void {
  const { scene, lit } = picture;
  context.beginPath();
  context.roundRect(scene.x[box]!, scene.y[box]!, scene.width[box]!, scene.height[box]!, 12);
  context.globalAlpha = 0.55;
  context.fillStyle = palette.panel;
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 1 / camera.scale;
  context.strokeStyle = lit && lit.boxes[box] === UNLIT ? palette.soft : palette.line;
  context.stroke();
}

function paintLines(context: CanvasRenderingContext2D, frame: Frame): void {
  const { picture, camera, size, palette, detail, hovered } = frame;
  const { scene, lit } = picture;
  const isNear = detail === "near";
  const lines = isNear ? scene.lines : scene.bundles;
  const around = isNear ? frame.around.lines : frame.around.bundles;
  const marks = isNear ? lit?.lines : lit?.bundles;
  const part = seen(camera, size);
  const byWidth = new Map<string, number[]>();
  for (let e = 0; e < lines.from.length; e++) {
    if (!touches(around, e, part)) continue;
    // far away only groups are told from each other, and lines between them
    if (detail === "far" && scene.parent[lines.from[e]!]! >= 0) continue;
    const mark = marks ? marks[e]! : -1;
    const width = isNear ? (lines.count[e]! > 1 ? 2 : 1) : Math.min(5, 1 + Math.round(Math.log2(lines.count[e]!) / 2));
    const key = `${mark} ${width} ${lines.against[e]}`;
    const same = byWidth.get(key);
    if (same) same.push(e);
    else byWidth.set(key, [e]);
  }
  const keys = [...byWidth.keys()].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  for (const key of keys) {
    const [mark, width, against] = key.split(" ").map(Number) as [number, number, number];
    const isLit = mark === CAUSE || mark === EFFECT;
    context.beginPath();
    for (const e of byWidth.get(key)!) trace(context, lines, e);
    context.lineWidth = (isLit ? width + 0.8 : width) / camera.scale;
    context.strokeStyle = mark === CAUSE ? palette.up : mark === EFFECT ? palette.down : palette.mute;
    context.globalAlpha = frame.settled * (isLit ? 0.95 : mark === UNLIT ? 0.16 : detail === "near" ? 0.42 : 0.34);
    context.setLineDash(against ? [6 / camera.scale, 4 / camera.scale] : []);
    context.stroke();
  }
  context.setLineDash([]);
  if (hovered.length > 0) {
    context.globalAlpha = 1;
    context.lineWidth = 2.4 / camera.scale;
    context.strokeStyle = palette.accent;
    context.beginPath();
    for (const e of hovered) if (e < lines.from.length) trace(context, lines, e);
    context.stroke();
  }
  context.globalAlpha = 1;
}

function touches(around: Float64Array, e: number, part: Rect): boolean {
  return (
    around[4 * e]! <= part.x + part.width &&
    around[4 * e + 2]! >= part.x &&
    around[4 * e + 1]! <= part.y + part.height &&
    around[4 * e + 3]! >= part.y
  );
}

function lookOf({ graph, tree, rollUp, scene }: Picture, box: number): number {
  const node = scene.node[box]!;
  return node < tree.assets ? graph.look[node]! : worstOf(tree, rollUp, node);
}

/** Blocks of colour, those of failures last, so that they lie on top. */
function paintBlocks(context: CanvasRenderingContext2D, { picture, palette, boxes, camera }: Frame): void {
  const { scene, lit } = picture;
  const byLook: number[][] = MARKS.map(() => []);
  for (const box of boxes) byLook[lookOf(picture, box)]!.push(box);
  const grow = Math.max(0, 2.5 / camera.scale - 36) / 2; // never under some pixels
  for (let look = MARKS.length - 1; look >= 0; look--) {
    for (const isDim of [true, false]) {
      context.fillStyle = palette.looks[look]!;
      context.globalAlpha = (isDim ? 0.22 : 1) * (look === FRESH ? 0.5 : 0.95);
      context.beginPath();
      for (const box of byLook[look]!) {
        if ((lit ? lit.boxes[box] === UNLIT : false) !== isDim) continue;
        context.rect(
          scene.x[box]! - grow,
          scene.y[box]! - grow,
          scene.width[box]! + 2 * grow,
          scene.height[box]! + 2 * grow,
        );
      }
      context.fill();
    }
  }
  context.globalAlpha = 1;
}

/** Glyph and name, which is never smaller on the screen than can be read. */
function paintBox(context: CanvasRenderingContext2D, frame: Frame, box: number): void {
  const { picture, palette, camera } = frame;
  const { scene, lit, tree, rollUp } = picture;
  const node = scene.node[box]!;
  const isGroup = scene.isGroup[box] === 1;
  const isDim = lit !== null && lit.boxes[box] === UNLIT;
  const x = scene.x[box]!;
  const y = scene.y[box]!;
  const width = scene.width[box]!;
  const height = scene.height[box]!;
  const px = 1 / camera.scale;
  context.beginPath();
  context.roundRect(x, y, width, height, 9);
  context.fillStyle = palette.panel;
  context.fill();
  context.lineWidth = (node === picture.subject ? 2 : 1) * px;
  context.strokeStyle = node === picture.subject ? palette.accent : isDim ? palette.soft : palette.line;
  context.stroke();
  const text = Math.max(TEXT_PX * px, 13);
  const look = lookOf(picture, box);
  const glyph = Math.max(10 * px, 12);
  const left = x + 9;
  const line = isGroup ? y + height * 0.36 : y + height / 2;
  context.globalAlpha = isDim ? 0.5 : 1;
  drawGlyph(context, look, left, line - glyph / 2, glyph, palette.looks[look]!);
  context.globalAlpha = 1;
  context.fillStyle = isDim ? palette.mute : palette.ink;
  context.font = `${isGroup ? 600 : 500} ${text}px ${palette.sans}`;
  context.textBaseline = "middle";
  const room = width - 9 - glyph - 6 - 8;
  context.fillText(cut(context, shortName(tree, node), room), left + glyph + 6, line);
  if (isGroup) {
    const bar = { x: left, y: y + height - 13, width: width - 18, height: 5 };
    paintShares(context, countsOf(tree, rollUp, node), bar, palette, isDim);
  }
}

function paintShares(
  context: CanvasRenderingContext2D,
  counts: readonly { look: number; count: number }[],
  bar: Rect,
  palette: Palette,
  isDim: boolean,
): void {
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  let x = bar.x;
  for (const { look, count } of counts) {
    const width = (bar.width * count) / total;
    context.globalAlpha = isDim ? 0.3 : look === FRESH ? 0.5 : 1;
    context.fillStyle = palette.looks[look]!;
    context.fillRect(x, bar.y, Math.max(width - 1, 1), bar.height);
    x += width;
  }
  context.globalAlpha = 1;
}

/**
 * The name of a frame or a group and the worst that is in it, as large at every zoom, above it; in it when not far. Where
 * there is no room, or another name is there already, the frame around it has to do.
 */
function paintLabel(context: CanvasRenderingContext2D, frame: Frame, box: number, taken: Rect[]): void {
  const { picture, palette, camera, detail } = frame;
  const { scene, tree, rollUp, lit } = picture;
  const node = scene.node[box]!;
  const left = scene.x[box]! * camera.scale + camera.x;
  const top = scene.y[box]! * camera.scale + camera.y;
  const width = scene.width[box]! * camera.scale;
  const isInside = detail === "mid" && scene.isFrame[box] === 1;
  const isOuter = scene.parent[box]! < 0;
  if (width < (isOuter ? 44 : 90) || (!isOuter && scene.height[box]! * camera.scale < 44)) return;
  const header = scene.isFrame[box] ? SIZES.frame.top * camera.scale : 0;
  const y = isInside ? top + header / 2 : top + header - 8;
  let x = isInside ? left + 14 * camera.scale : left + 2;
  const end = left + width - 4;
  const own = { x, y: y - 8, width: end - x, height: 16 };
  if (taken.some((other) => overlap(own, other))) return;
  taken.push(own);
  context.textBaseline = "middle";
  context.font = `600 ${LABEL_PX}px ${palette.sans}`;
  context.fillStyle = lit && lit.boxes[box] === UNLIT ? palette.mute : palette.ink;
  const bad = countsOf(tree, rollUp, node)
    .filter(({ look }) => look !== FRESH)
    .slice(0, 2);
  const badges = width > 110 ? bad : bad.slice(0, 1);
  const name = cut(context, tree.label[node]!, end - x - badges.length * 28);
  context.fillText(name, x, y);
  x += context.measureText(name).width + 8;
  for (const { look, count } of badges) {
    if (x + 22 > end) break;
    const colour = palette.looks[look]!;
    drawGlyph(context, look, x, y - 5, 10, colour);
    context.fillStyle = colour;
    context.font = `600 11px ${palette.sans}`;
    context.fillText(String(count), x + 13, y);
    x += 13 + context.measureText(String(count)).width + 8;
  }
}

function overlap(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

const cuts = new Map<string, string>();

/** As much of a text as there is room for. */
function cut(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (room < 8) return "";
  const key = `${context.font}|${Math.round(room)}|${text}`;
  const known = cuts.get(key);
  if (known !== undefined) return known;
  let fits = text;
  if (context.measureText(text).width > room) {
    let low = 0;
    let high = text.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle;
      else high = middle - 1;
    }
    fits = low ? `${text.slice(0, low)}…` : "";
  }
  if (cuts.size > 20_000) cuts.clear();
  cuts.set(key, fits);
  return fits;
}
