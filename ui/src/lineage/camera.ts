/** What of the drawing is seen: a point p of it is at `p * scale + offset` on the screen. */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Rect extends Size {
  readonly x: number;
  readonly y: number;
}

export const SCALE_MAX = 2;
export const SCALE_MIN = 0.002;
/** What somebody asked to see is legible. */
export const SCALE_LEGIBLE = 0.72;

const MARGIN = 32;

export function limited(scale: number): number {
  return Math.min(SCALE_MAX, Math.max(SCALE_MIN, scale));
}

/** Nearer or farther, with the point under (x, y) of the screen staying there. */
export function zoomed(camera: Camera, factor: number, x: number, y: number): Camera {
  const scale = limited(camera.scale * factor);
  const by = scale / camera.scale;
  return { x: x - (x - camera.x) * by, y: y - (y - camera.y) * by, scale };
}

export function panned(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x + dx, y: camera.y + dy };
}

/** All of it, never larger than it is. */
export function fitted(all: Rect, screen: Size): Camera {
  const scale = limited(
    Math.min(1, (screen.width - 2 * MARGIN) / (all.width || 1), (screen.height - 2 * MARGIN) / (all.height || 1)),
  );
  return centredAt(all, screen, scale);
}

/** A box in the middle, and legible. */
export function centred(camera: Camera, box: Rect, screen: Size): Camera {
  return centredAt(box, screen, Math.max(camera.scale, SCALE_LEGIBLE));
}

/** As far moved as it takes for a box to be seen, and not at all if it is; as large as it is. */
export function revealed(camera: Camera, box: Rect, screen: Size): Camera {
  const onScreen = toScreen(camera, box);
  return panned(
    camera,
    shift(onScreen.x, onScreen.width, screen.width),
    shift(onScreen.y, onScreen.height, screen.height),
  );
}

/** Where the top left corner of a box stays on the screen, though it is elsewhere in a new drawing. */
export function kept(camera: Camera, before: Rect, after: Rect): Camera {
  return panned(camera, (before.x - after.x) * camera.scale, (before.y - after.y) * camera.scale);
}

/** Part of the way, from 0 to 1. The scale goes evenly in ratios, as eyes see it. */
export function between(from: Camera, to: Camera, part: number, screen: Size): Camera {
  const scale = from.scale * (to.scale / from.scale) ** part;
  const middle = (camera: Camera): [number, number] => [
    (screen.width / 2 - camera.x) / camera.scale,
    (screen.height / 2 - camera.y) / camera.scale,
  ];
  const [ax, ay] = middle(from);
  const [bx, by] = middle(to);
  const x = ax + (bx - ax) * part;
  const y = ay + (by - ay) * part;
  return { x: screen.width / 2 - x * scale, y: screen.height / 2 - y * scale, scale };
}

export function toScreen({ x, y, scale }: Camera, rect: Rect): Rect {
  return { x: rect.x * scale + x, y: rect.y * scale + y, width: rect.width * scale, height: rect.height * scale };
}

/** What of the drawing is on the screen. */
export function seen(camera: Camera, screen: Size): Rect {
  const { x, y, scale } = camera;
  return { x: -x / scale, y: -y / scale, width: screen.width / scale, height: screen.height / scale };
}

function centredAt(box: Rect, screen: Size, scale: number): Camera {
  return {
    x: screen.width / 2 - (box.x + box.width / 2) * scale,
    y: screen.height / 2 - (box.y + box.height / 2) * scale,
    scale,
  };
}

function shift(at: number, size: number, room: number): number {
  if (at < MARGIN || size > room - 2 * MARGIN) return MARGIN - at;
  return Math.min(0, room - MARGIN - at - size);
}
