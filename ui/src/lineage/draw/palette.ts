import { MARKS } from "@/shared/marks.ts";

/** The colours of the theme, for what is no document. */
export interface Palette {
  readonly bg: string;
  readonly panel: string;
  readonly ink: string;
  readonly mute: string;
  readonly line: string;
  readonly soft: string;
  readonly up: string;
  readonly down: string;
  readonly accent: string;
  readonly looks: readonly string[];
  readonly sans: string;
}

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    bg: colour("bg"),
    panel: colour("panel"),
    ink: colour("ink"),
    mute: colour("mute"),
    line: colour("line"),
    soft: colour("line-soft"),
    up: colour("up"),
    down: colour("down"),
    accent: colour("accent"),
    looks: MARKS.map(colour),
    sans: colour("sans") || "sans-serif",
  };
}
