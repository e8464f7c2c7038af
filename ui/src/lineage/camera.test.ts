import fc from "fast-check";
import { expect, test } from "vitest";
import { between, centred, fitted, kept, revealed, SCALE_LEGIBLE, seen, toScreen, zoomed } from "./camera.ts";
import { detailAt } from "./detail.ts";

const screen = { width: 1000, height: 600 };
const cameras = fc.record({
  x: fc.integer({ min: -5000, max: 5000 }),
  y: fc.integer({ min: -5000, max: 5000 }),
  scale: fc.double({ min: 0.05, max: 1.5, noNaN: true }),
});
const boxes = fc.record({
  x: fc.integer({ min: -5000, max: 5000 }),
  y: fc.integer({ min: -5000, max: 5000 }),
  width: fc.integer({ min: 1, max: 300 }),
  height: fc.integer({ min: 1, max: 100 }),
});

test("zooming leaves what is under the pointer where it is", () => {
  fc.assert(
    fc.property(cameras, fc.double({ min: 0.5, max: 2, noNaN: true }), (camera, factor) => {
      const point = { x: (300 - camera.x) / camera.scale, y: (200 - camera.y) / camera.scale, width: 0, height: 0 };
      const after = toScreen(zoomed(camera, factor, 300, 200), point);
      expect(after.x).toBeCloseTo(300, 4);
      expect(after.y).toBeCloseTo(200, 4);
    }),
  );
});

test("all fits, and small drawings are not blown up", () => {
  fc.assert(
    fc.property(boxes, (box) => {
      const camera = fitted(box, screen);
      expect(camera.scale).toBeLessThanOrEqual(1);
      const part = seen(camera, screen);
      expect(part.x).toBeLessThanOrEqual(box.x);
      expect(part.x + part.width).toBeGreaterThanOrEqual(box.x + box.width);
    }),
  );
});

test("what is centred is legible, and never smaller than before", () => {
  fc.assert(
    fc.property(cameras, boxes, (camera, box) => {
      const after = centred(camera, box, screen);
      expect(after.scale).toBe(Math.max(camera.scale, SCALE_LEGIBLE));
      const at = toScreen(after, box);
      expect(at.x + at.width / 2).toBeCloseTo(500, 4);
    }),
  );
});

test("what is revealed is on the screen; nothing moves if it was", () => {
  fc.assert(
    fc.property(cameras, boxes, (camera, box) => {
      const after = revealed(camera, box, screen);
      expect(after.scale).toBe(camera.scale);
      expect(toScreen(after, box).x).toBeGreaterThanOrEqual(0);
      expect(revealed(after, box, screen).x).toBeCloseTo(after.x, 6);
    }),
  );
});

test("a box that is elsewhere in a new drawing stays where it was on the screen", () => {
  fc.assert(
    fc.property(cameras, boxes, boxes, (camera, before, after) => {
      const moved = kept(camera, before, after);
      expect(toScreen(moved, after).x).toBeCloseTo(toScreen(camera, before).x, 4);
      expect(moved.scale).toBe(camera.scale);
    }),
  );
});

test("a flight begins and ends where it should", () => {
  const from = { x: 0, y: 0, scale: 0.1 };
  const to = { x: -800, y: 30, scale: 1 };
  expect(between(from, to, 0, screen)).toEqual({ x: expect.closeTo(0), y: expect.closeTo(0), scale: 0.1 });
  expect(between(from, to, 1, screen)).toEqual({ x: expect.closeTo(-800), y: expect.closeTo(30), scale: 1 });
});

test("a level of detail ends a little behind where it began", () => {
  expect(detailAt(0.63, "mid")).toBe("near");
  expect(detailAt(0.58, "near")).toBe("near");
  expect(detailAt(0.58, "mid")).toBe("mid");
  expect(detailAt(0.31, "mid")).toBe("far");
  expect(detailAt(0.34, "far")).toBe("far");
  expect(detailAt(0.36, "far")).toBe("mid");
});
