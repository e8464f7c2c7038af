/** How much is drawn of a box: all of its card; glyph and name; a coloured block. */
export type Detail = "near" | "mid" | "far";

export const NEAR_SCALE = 0.62;
export const FAR_SCALE = 0.32;

/** A limit is passed only a little behind it, so that nothing flickers between two levels. */
const HYSTERESIS = 0.1;

export function detailAt(scale: number, before: Detail): Detail {
  const near = NEAR_SCALE * (before === "near" ? 1 - HYSTERESIS : 1);
  const far = FAR_SCALE * (before === "far" ? 1 + HYSTERESIS : 1);
  if (scale >= near) return "near";
  return scale < far ? "far" : "mid";
}
