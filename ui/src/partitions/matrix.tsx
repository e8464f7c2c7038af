import { type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { counted, whole } from "@/shared/numbers.ts";
import { type Box, troubled } from "./grid.ts";
import styles from "./matrix.module.css";
import { type Brushing, brushed, buckets, type Span, type Window } from "./spans.ts";

/** A cell is never narrower; what lies in one takes the worst of it. */
const CELL = 6;
const HEIGHT = 440;

interface Props {
  label: string;
  rows: readonly (readonly Span[])[];
  names: readonly string[];
  /** What of the grid is shown. */
  box: Box;
  chosen: readonly Box[];
  /** What is to say of its columns. */
  above?: ReactNode;
  choose(box: Box, how: Brushing): void;
}

/** Partitions of two dimensions; dragging over it chooses a box of them, with shift one more. */
export function Matrix({ label, rows, names, box, chosen, above, choose }: Props) {
  const of = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<Drag | null>(null);
  const { columns, rows: shown } = box;
  const count = shown.to - shown.from;
  const row = Math.max(8, Math.min(22, Math.floor(HEIGHT / count)));
  const height = row * count;
  const sums = useMemo(
    () => rows.slice(shown.from, shown.to).map((one) => troubled(one, columns)),
    [rows, shown, columns],
  );

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const draw = () => paint(element, rows.slice(shown.from, shown.to), columns, row);
    draw();
    const size = new ResizeObserver(draw);
    size.observe(element);
    const theme = new MutationObserver(draw);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      size.disconnect();
      theme.disconnect();
    };
  }, [rows, shown, columns, row]);

  function at(event: PointerEvent): { x: number; y: number } {
    const area = of.current?.getBoundingClientRect();
    return area
      ? { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height }
      : NOWHERE;
  }

  const brushes = drag ? [...(drag.how === "besides" ? chosen : []), boxOf(box, drag)] : chosen;
  const part = (number: number, { from, to }: Window) =>
    `${Math.max(0, Math.min(1, (number - from) / (to - from))) * 100}%`;
  const every = Math.ceil(14 / row);
  return (
    <div className={styles.matrix}>
      {above && <div className={styles.above}>{above}</div>}
      <ol className={styles.names} aria-hidden="true">
        {names.slice(shown.from, shown.to).map((name, n) => (
          <li key={name} style={{ height: row }}>
            {n % every === 0 && name}
          </li>
        ))}
      </ol>
      <div
        ref={of}
        className={styles.cells}
        style={{ height }}
        role="img"
        aria-label={`${label}: ${counted(columns.to - columns.from, "column")}, ${counted(count, "row")}`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: at(event), to: at(event), how: event.shiftKey ? "besides" : "alone" });
        }}
        onPointerMove={(event) => drag && setDrag({ ...drag, to: at(event) })}
        onPointerUp={() => {
          if (!drag) return;
          choose(boxOf(box, drag), drag.how);
          setDrag(null);
        }}
        onPointerCancel={() => setDrag(null)}
      >
        <canvas ref={canvas} />
        {brushes.map((brush, n) => (
          <span
            key={n}
            className={styles.brush}
            style={{
              left: part(brush.columns.from, columns),
              width: `calc(${part(brush.columns.to, columns)} - ${part(brush.columns.from, columns)})`,
              top: part(brush.rows.from, shown),
              height: `calc(${part(brush.rows.to, shown)} - ${part(brush.rows.from, shown)})`,
            }}
          />
        ))}
      </div>
      <ol className={styles.sums} aria-hidden="true" title="Not fresh">
        {sums.map((sum, n) => (
          <li key={n} style={{ height: row }}>
            {n % every === 0 && sum > 0 && whole(sum)}
          </li>
        ))}
      </ol>
    </div>
  );
}

const NOWHERE = { x: 0, y: 0 };

interface Drag {
  how: Brushing;
  from: { x: number; y: number };
  to: { x: number; y: number };
}

function boxOf({ columns, rows }: Box, { from, to }: Drag): Box {
  return { columns: brushed(columns, from.x, to.x), rows: brushed(rows, from.y, to.y) };
}

function paint(canvas: HTMLCanvasElement, rows: readonly (readonly Span[])[], columns: Window, row: number): void {
  const ratio = Math.min(2, devicePixelRatio || 1);
  const width = canvas.clientWidth;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.round(rows.length * row * ratio);
  const context = canvas.getContext("2d");
  if (!context || width === 0) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colours = {
    fresh: [style.getPropertyValue("--fresh"), 0.45],
    stale: [style.getPropertyValue("--stale"), 0.85],
    missing: [style.getPropertyValue("--line"), 1],
  } as const;
  const count = Math.max(1, Math.min(columns.to - columns.from, Math.floor(width / CELL)));
  const cell = width / count;
  const gap = row > 10 ? 1 : 0.5;
  rows.forEach((spans, y) => {
    const found = buckets(spans, columns, count);
    for (let n = 0; n < count; ) {
      const { mark } = found[n]!;
      let end = n + 1;
      while (end < count && found[end]!.mark === mark) end++;
      if (mark === "fresh" || mark === "stale" || mark === "missing") {
        const [colour, alpha] = colours[mark];
        context.fillStyle = colour;
        context.globalAlpha = alpha;
        context.fillRect(n * cell, y * row, (end - n) * cell, row - gap);
      }
      n = end;
    }
  });
}
