import { MARKS, type Mark, SHAPES } from "@/shared/marks.ts";

const SVG = "http://www.w3.org/2000/svg";

export function glyphElement(mark: Mark): SVGSVGElement {
  const { d, line, dash } = SHAPES[mark];
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

const paths = new Map<Mark, Path2D>();

/** A mark with its top left corner at (x, y) of what is drawn in. */
export function drawGlyph(
  context: CanvasRenderingContext2D,
  look: number,
  x: number,
  y: number,
  size: number,
  colour: string,
): void {
  const name = MARKS[look]!;
  let path = paths.get(name);
  if (!path) {
    path = new Path2D(SHAPES[name].d);
    paths.set(name, path);
  }
  context.save();
  context.translate(x, y);
  context.scale(size / 12, size / 12);
  const { line, dash } = SHAPES[name];
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
