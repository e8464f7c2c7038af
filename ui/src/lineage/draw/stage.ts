import {
  between,
  type Camera,
  centred,
  fitted,
  kept,
  panned,
  type Rect,
  revealed,
  type Size,
  seen,
  zoomed,
} from "../camera.ts";
import { type Detail, detailAt } from "../detail.ts";
import { type Hits, hitsOf, linesAt, rectOf } from "../hits.ts";
import type { Scene } from "../layout/scene.ts";
import { linesSaid } from "../names.ts";
import { walked, wayOf } from "../walk.ts";
import { CARDS_MAX, type Cards, cards } from "./cards.ts";
import { type Minimap, minimap } from "./minimap.ts";
import { type Around, paint } from "./paint.ts";
import { type Palette, paletteOf } from "./palette.ts";
import { boxesByNode, boxesByPath, enclosures, type Picture } from "./picture.ts";

export interface Elements {
  readonly host: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly layer: HTMLElement;
  readonly map: HTMLCanvasElement;
}

export interface Acts {
  /** Somebody looks at a node; -1 for none any more. */
  choose(node: number): void;
  /** Open an asset, or a group where it stands. */
  open(node: number): void;
  toggle(node: number): void;
  /** These assets have cards that can be read, and nothing has moved for a moment. */
  sees(keys: readonly string[]): void;
}

/** The drawing: camera, gestures and what of it is made elements. React has no part in it from frame to frame. */
export interface Stage {
  /** Draw this from now on. The node of `anchor` stays where it is on the screen, though all may have moved. */
  show(picture: Picture, anchor: number): void;
  fit(): void;
  zoom(factor: number): void;
  pan(dx: number, dy: number): void;
  /** Bring a node to the middle, legible. */
  centre(node: number): void;
  /** Move as far as it takes for a node to be seen. */
  reveal(node: number): void;
  /** Give a node the keyboard, and bring it into sight. */
  focus(node: number): void;
  theme(): void;
  readonly camera: () => Camera;
  end(): void;
}

const FLIGHT_MS = 200;
const SLOW_MS = 14; // a picture that takes longer is moved as it is while a gesture runs
const REST_MS = 90;
const SEEN_MS = 200;
const TAP_PX = 4;
const CARD_PX = 13; // text of cards, and what it never is less than on the screen
const LEAST_PX = 11;

export function stage({ host, canvas, layer, map }: Elements, acts: Acts): Stage {
  const context = canvas.getContext("2d", { alpha: false })!;
  const last = document.createElement("canvas");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const pool: Cards = cards(layer);
  const overview: Minimap = minimap(map);
  let palette: Palette = paletteOf(host);
  let size: Size = { width: host.clientWidth, height: host.clientHeight };
  let camera: Camera = { x: 0, y: 0, scale: 1 };
  let detail: Detail = "near";
  let target: Picture | null = null; // where all will be
  let shown: Picture | null = null; // where all is while it moves there
  let hits: Hits | null = null;
  let around: Around = { lines: new Float64Array(), bundles: new Float64Array() };
  let boxOf = new Map<number, number>();
  let hovered: readonly number[] = [];
  let isTouched = false; // until somebody looks elsewhere all is shown, however the window is made larger or smaller
  let frame = 0;
  let isStale = true; // what is painted is not what is to be seen
  let paintMs = 0;
  let painted: Camera | null = null;
  let gestureAt = -Infinity;
  let rest = 0;
  let flight: { from: Camera; to: Camera; begun: number } | null = null;
  let moving: (Pick<Scene, "x" | "y"> & { begun: number }) | null = null;
  let toFocus = -1;
  let sight = "";
  let seeing = 0;

  const ask = (): void => {
    frame ||= requestAnimationFrame(draw);
  };
  const look = (to: Camera, isGesture = false): void => {
    camera = to;
    flight = null;
    isStale = true;
    isTouched = true;
    if (isGesture) gestureAt = performance.now();
    ask();
  };
  const fly = (to: Camera): void => {
    if (calm.matches || !shown) look(to);
    else flight = { from: camera, to, begun: performance.now() };
    isTouched = true;
    ask();
  };

  function draw(now: number): void {
    frame = 0;
    if (!shown || !target || !hits || size.width === 0 || shown.scene.node.length === 0) return;
    if (flight) {
      const part = Math.min(1, Math.max(0, (now - flight.begun) / FLIGHT_MS));
      camera = between(flight.from, flight.to, eased(part), size);
      if (part === 1) flight = null;
      else ask();
      isStale = true;
    }
    let settled = 1;
    if (moving) {
      settled = eased(Math.min(1, Math.max(0, (now - moving.begun) / FLIGHT_MS)));
      const { x, y } = shown.scene;
      for (let box = 0; box < x.length; box++) {
        x[box] = moving.x[box]! + (target.scene.x[box]! - moving.x[box]!) * settled;
        y[box] = moving.y[box]! + (target.scene.y[box]! - moving.y[box]!) * settled;
      }
      if (settled === 1) moving = null;
      else ask();
      pool.moved(shown);
      isStale = true;
    }
    detail = detailAt(camera.scale, detail);
    const part = seen(camera, size);
    const { boxes, frames } = moving ? everything(shown.scene) : hits.in(part);
    const near = detail === "near" ? nearest(shown.scene, boxes, frames, part) : [];
    // the keyboard comes in at what is looked at, else at the first box
    const current = boxOf.get(toFocus >= 0 ? toFocus : target.subject) ?? 0;
    const bare = new Set<number>();
    if (!near.includes(current)) {
      near.unshift(current);
      if (detail !== "near") bare.add(current);
    }
    if (detail === "near" && !moving && !flight) sees(target, near.slice(0, CARDS_MAX));
    if (pool.show(shown, near, bare, current)) {
      isStale = true;
      ask();
    }
    const text = Math.round(2 * Math.max(CARD_PX, LEAST_PX / camera.scale)) / 2;
    layer.style.setProperty("--text", `${text}px`);
    layer.style.transform = `translate(${camera.x}px, ${camera.y}px) scale(${camera.scale})`;
    if (toFocus >= 0) {
      if (boxOf.has(toFocus)) pool.focus(current);
      toFocus = -1;
    }
    if (isStale) {
      if (paintMs > SLOW_MS && painted && now - gestureAt < REST_MS) blit(painted);
      else repaint(boxes, frames, settled);
    }
    overview.look(camera, size);
  }

  function sees({ graph, scene }: Picture, boxes: readonly number[]): void {
    const now = boxes.join();
    if (now === sight) return;
    sight = now;
    clearTimeout(seeing);
    seeing = window.setTimeout(() => acts.sees(boxes.flatMap((box) => graph.keys[scene.node[box]!] ?? [])), SEEN_MS);
  }

  function repaint(boxes: readonly number[], frames: readonly number[], settled: number): void {
    const begun = performance.now();
    paint(context, {
      picture: shown!,
      around,
      camera,
      size,
      ratio: ratioOf(),
      detail,
      palette,
      boxes,
      frames,
      drawn: pool.drawn,
      hovered,
      settled,
    });
    paintMs = performance.now() - begun;
    painted = camera;
    isStale = false;
    if (paintMs > SLOW_MS) {
      last.width = canvas.width;
      last.height = canvas.height;
      last.getContext("2d")!.drawImage(canvas, 0, 0);
    }
  }

  /** What was painted last, where it is by now; all is painted anew when the gesture rests. */
  function blit(from: Camera): void {
    const by = camera.scale / from.scale;
    const ratio = ratioOf();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = palette.bg;
    context.fillRect(0, 0, size.width, size.height);
    context.drawImage(last, camera.x - from.x * by, camera.y - from.y * by, size.width * by, size.height * by);
    clearTimeout(rest);
    rest = window.setTimeout(() => {
      gestureAt = -Infinity;
      ask();
    }, REST_MS);
  }

  function ratioOf(): number {
    return Math.min(2, devicePixelRatio || 1);
  }

  function resized(): void {
    size = { width: host.clientWidth, height: host.clientHeight };
    const ratio = ratioOf();
    canvas.width = Math.max(1, Math.round(size.width * ratio));
    canvas.height = Math.max(1, Math.round(size.height * ratio));
    painted = null;
    isStale = true;
    context.fillStyle = palette.bg; // else it is black until there is something to draw
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (!isTouched) begin();
    else if (target) api.reveal(target.subject);
    ask();
  }

  function begin(): void {
    if (!target || size.width === 0) return;
    look(fitted(boundsOf(target.scene), size));
    isTouched = false;
  }

  const events = new AbortController();
  const on = <Kind extends keyof HTMLElementEventMap>(
    element: HTMLElement,
    kind: Kind,
    act: (event: HTMLElementEventMap[Kind]) => void,
    options: AddEventListenerOptions = {},
  ): void => element.addEventListener(kind, act, { ...options, signal: events.signal });
  const place = (event: MouseEvent): { x: number; y: number } => {
    const { left, top } = host.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const nodeAt = (event: MouseEvent): number => {
    if (event.target instanceof Element && event.target !== canvas) {
      const node = pool.nodeOf(event.target);
      if (node >= 0) return node;
    }
    const { x, y } = place(event);
    const box = hits?.at((x - camera.x) / camera.scale, (y - camera.y) / camera.scale) ?? -1;
    return box < 0 ? -1 : target!.scene.node[box]!;
  };

  on(
    host,
    "wheel",
    (event) => {
      event.preventDefault();
      const { x, y } = place(event);
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? size.height : 1;
      if (event.shiftKey) look(panned(camera, -(event.deltaY + event.deltaX) * unit, 0), true);
      else look(zoomed(camera, Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), x, y), true);
    },
    { passive: false },
  );
  let held: { x: number; y: number; moved: boolean; id: number } | null = null;
  on(host, "pointerdown", (event) => {
    if (event.button !== 0 || event.target === map) return;
    held = { x: event.clientX, y: event.clientY, moved: false, id: event.pointerId };
  });
  on(host, "pointermove", (event) => {
    if (!held) hover(event);
    if (!held || (!held.moved && Math.hypot(event.clientX - held.x, event.clientY - held.y) < TAP_PX)) return;
    if (!held.moved) host.setPointerCapture(held.id);
    held.moved = true;
    look(panned(camera, event.clientX - held.x, event.clientY - held.y), true);
    held.x = event.clientX;
    held.y = event.clientY;
  });
  let wasDrag = false;
  const release = (): void => {
    wasDrag = held?.moved ?? false;
    held = null;
  };
  on(host, "pointerup", release);
  on(host, "pointercancel", release);
  on(host, "pointerleave", () => {
    if (hovered.length === 0) return;
    hovered = [];
    isStale = true;
    ask();
  });
  on(host, "click", (event) => {
    if (wasDrag || event.target === map) return;
    const node = nodeAt(event);
    if (event.target instanceof Element && event.target.closest("[data-toggle]")) acts.toggle(node);
    else acts.choose(node);
    if (node >= 0) toFocus = node; // so that keys go on from there
    ask();
  });
  on(host, "dblclick", (event) => {
    const node = nodeAt(event);
    if (node >= 0 && event.target !== map) acts.open(node);
  });
  on(host, "keydown", (event) => {
    if (!target || event.ctrlKey || event.metaKey || event.altKey) return;
    const node = event.target instanceof Element ? pool.nodeOf(event.target) : -1;
    const way = wayOf(event.key);
    const from = boxOf.get(node >= 0 ? node : target.subject) ?? -1;
    if (way && from >= 0) {
      const to = walked(target.scene, from, way);
      if (to >= 0) acts.choose(target.scene.node[to]!);
      if (to >= 0) api.focus(target.scene.node[to]!);
    } else if (event.key === "Enter" && node >= 0) {
      if (event.shiftKey) acts.toggle(node);
      else acts.open(node);
    } else if (event.key === " " && node >= 0) acts.choose(node);
    else if (event.key === "+" || event.key === "=") api.zoom(1.25);
    else if (event.key === "-") api.zoom(0.8);
    else if (event.key === "0") api.fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const travel = (event: PointerEvent): void => {
    const { left, top } = map.getBoundingClientRect();
    const { x, y } = overview.placeAt(event.clientX - left, event.clientY - top);
    look({ x: size.width / 2 - x * camera.scale, y: size.height / 2 - y * camera.scale, scale: camera.scale }, true);
  };
  on(map, "pointerdown", (event) => {
    map.setPointerCapture(event.pointerId);
    travel(event);
  });
  on(map, "pointermove", (event) => {
    if (event.buttons & 1) travel(event);
  });

  function hover(event: PointerEvent): void {
    setHovered(target && event.target === canvas ? linesUnder(target.scene, event) : []);
  }

  function linesUnder(scene: Scene, event: PointerEvent): number[] {
    const at = place(event);
    const x = (at.x - camera.x) / camera.scale;
    const y = (at.y - camera.y) / camera.scale;
    const box = hits?.at(x, y) ?? -1;
    if (box >= 0 && !scene.isFrame[box]) return [];
    return linesAt(detail === "near" ? scene.lines : scene.bundles, x, y, 5 / camera.scale);
  }

  function setHovered(lines: readonly number[]): void {
    if (lines.length === hovered.length && lines.every((line, n) => line === hovered[n])) return;
    hovered = lines;
    const { tree, scene } = target ?? {};
    const all = detail === "near" ? scene?.lines : scene?.bundles;
    canvas.title = tree && scene && all ? linesSaid(tree, scene, all, lines) : "";
    isStale = true;
    ask();
  }

  const watcher = new ResizeObserver(resized);
  watcher.observe(host);

  const api: Stage = {
    camera: () => camera,
    show(picture, anchor) {
      const before = target;
      if (before && picture.subject >= 0) isTouched = true; // what is around it is not to be moved away
      const isNewScene = before?.scene !== picture.scene;
      if (isNewScene) sight = ""; // the same numbers may be other nodes
      if (!isNewScene) {
        shown = { ...picture, scene: shown!.scene };
        target = picture;
        isStale = true;
        overview.refresh(picture, palette);
        ask();
        return;
      }
      const now = boxesByNode(picture.scene);
      const scene: Scene = {
        ...picture.scene,
        x: new Float64Array(picture.scene.x),
        y: new Float64Array(picture.scene.y),
      };
      moving = null;
      if (before && shown) {
        // By name, since another graph may have other numbers for what is in both.
        const old = boxesByPath(before);
        let dx = 0;
        let dy = 0;
        const to = now.get(anchor);
        const was = to === undefined ? undefined : old.get(picture.tree.path[anchor]!);
        if (to !== undefined && was !== undefined) {
          const place = rectOf(shown.scene, was);
          camera = kept(camera, place, rectOf(picture.scene, to));
          flight = null;
          isTouched = true;
          dx = picture.scene.x[to]! - place.x;
          dy = picture.scene.y[to]! - place.y;
        }
        if (!calm.matches) {
          const x = new Float64Array(picture.scene.x);
          const y = new Float64Array(picture.scene.y);
          now.forEach((box, node) => {
            const from = old.get(picture.tree.path[node]!);
            if (from === undefined) return;
            x[box] = shown!.scene.x[from]! + dx;
            y[box] = shown!.scene.y[from]! + dy;
          });
          moving = { x, y, begun: performance.now() };
        }
      }
      target = picture;
      shown = { ...picture, scene };
      boxOf = now;
      hits = hitsOf(picture.scene);
      around = { lines: enclosures(picture.scene.lines), bundles: enclosures(picture.scene.bundles) };
      hovered = [];
      painted = null;
      isStale = true;
      overview.refresh(picture, palette);
      if (!isTouched && !before) begin();
      ask();
    },
    fit() {
      if (target) fly(fitted(boundsOf(target.scene), size));
    },
    zoom(factor) {
      look(zoomed(camera, factor, size.width / 2, size.height / 2), true);
    },
    pan(dx, dy) {
      look(panned(camera, dx, dy), true);
    },
    centre(node) {
      const box = boxOf.get(node);
      if (box !== undefined) fly(centred(camera, rectOf(target!.scene, box), size));
    },
    reveal(node) {
      const box = boxOf.get(node);
      if (box === undefined) return;
      const from = flight?.to ?? camera;
      const to = revealed(from, rectOf(target!.scene, box), size);
      if (Math.abs(to.x - from.x) + Math.abs(to.y - from.y) > 1) fly(to);
    },
    focus(node) {
      toFocus = node;
      api.reveal(node);
      ask();
    },
    theme() {
      palette = paletteOf(host);
      if (shown) overview.refresh(shown, palette);
      isStale = true;
      ask();
    },
    end() {
      events.abort();
      watcher.disconnect();
      cancelAnimationFrame(frame);
      clearTimeout(rest);
      clearTimeout(seeing);
    },
  };
  resized();
  return api;
}

function boundsOf(scene: Scene): Rect {
  const [x = 0, y = 0, right = 0, bottom = 0] = scene.bounds;
  return { x, y, width: right - x, height: bottom - y };
}

function everything(scene: Scene): { boxes: number[]; frames: number[] } {
  const all = [...scene.node.keys()];
  return { boxes: all.filter((box) => !scene.isFrame[box]), frames: all.filter((box) => scene.isFrame[box]) };
}

/** Boxes by how near they are to the middle of what is seen, as many as may be elements; frames first, there are few. */
function nearest(scene: Scene, boxes: readonly number[], frames: readonly number[], part: Rect): number[] {
  const all = [...frames, ...boxes];
  if (all.length <= CARDS_MAX) return all;
  const cx = part.x + part.width / 2;
  const cy = part.y + part.height / 2;
  const away = (box: number): number =>
    Math.abs(scene.x[box]! + scene.width[box]! / 2 - cx) + Math.abs(scene.y[box]! + scene.height[box]! / 2 - cy);
  return [...frames, ...boxes.toSorted((a, b) => away(a) - away(b))].slice(0, CARDS_MAX);
}

function eased(part: number): number {
  return 1 - (1 - part) ** 3;
}
