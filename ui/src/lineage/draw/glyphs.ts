import { LOOKS, type Look } from "../graph.ts";

/** How the marks are drawn, on a grid of 12: filled, or as a line of some width. The same as everywhere else. */
export const GLYPHS: Readonly<Record<Look, { readonly d: string; readonly line: number; readonly dash?: number[] }>> = {
  fresh: { d: "M2.4 6a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z", line: 0 },
  running: { d: "M3.6 2.2v7.6L10 6z", line: 0 },
  stale: { d: "M6 1.8 11 10.2H1z", line: 0 },
  failed: { d: "M2.6 2.6 9.4 9.4M9.4 2.6 2.6 9.4", line: 2.2 },
  missing: { d: "M2 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", line: 1.4, dash: [2.1, 1.5] },
};

const SVG = "http://www.w3.org/2000/svg";

export function glyphElement(look: Look): SVGSVGElement {
  const { d, line, dash } = GLYPHS[look];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 12 12");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", d);
  if (line) {
    path.setAttribute("fill", "none");
    path.setAttribute("stroke", "currentColor");
    path.setAttribute("stroke-width", String(line));
    path.setAttribute("stroke-linecap", "round");
    if (dash) path.setAttribute("stroke-dasharray", dash.join(" "));
  } else path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

const paths = new Map<Look, Path2D>();

/** A mark with its top left corner at (x, y) of what is drawn in. */
export function drawGlyph(
  context: CanvasRenderingContext2D,
  look: number,
  x: number,
  y: number,
  size: number,
  colour: string,
): void {
  const name = LOOKS[look]!;
  let path = paths.get(name);
  if (!path) {
    path = new Path2D(GLYPHS[name].d);
    paths.set(name, path);
  }
  context.save();
  context.translate(x, y);
  context.scale(size / 12, size / 12);
  const { line, dash } = GLYPHS[name];
  if (line) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.lineCap = "round";
    context.setLineDash(dash ?? []);
    context.stroke(path);
  } else {
    context.fillStyle = colour;
    context.fill(path);
  }
  context.restore();
}
