import {
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
} from "react";
import { useAnswer } from "@/server/use-answer.ts";
import { counted, whole } from "@/shared/numbers.ts";
import { DIMENSION_KEYS } from "./documents.ts";
import { type Box, troubled, withBox } from "./grid.ts";
import styles from "./matrix.module.css";
import { type Brushing, brushed, buckets, howOf, type Span, type Window } from "./spans.ts";

/** A cell is never narrower; what lies in one takes the worst of it. */
const CELL = 6;
const HEIGHT = 440;

interface Props {
  asset: string;
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

/**
 * Partitions of several dimensions; dragging over it chooses a box of them, with shift one more, with alt it takes one out.
 * By keys: arrows go from cell to cell, with shift a box grows, enter chooses it; with shift or alt as in dragging.
 */
export function Matrix({ asset, label, rows, names, box, chosen, above, choose }: Props) {
  const of = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<Drag | null>(null);
  const [cursor, setCursor] = useState<Cursor | null>(null);
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

  const brushes = drag ? withBox(chosen, boxOf(box, drag), drag.how) : chosen;
  const area = useId();

  function press(event: KeyboardEvent): void {
    const held = within(cursor ?? { at: first(box), from: first(box) }, box);
    const by = ARROWS[event.key];
    if (by) {
      const [x, y] = by.map((one) => (event.ctrlKey || event.metaKey ? one * FAR : one)) as [number, number];
      const at = within({ at: { x: held.at.x + x, y: held.at.y + y }, from: held.from }, box).at;
      setCursor(cursor === null ? held : { at, from: event.shiftKey ? held.from : at });
    } else if (event.key === "Enter" || event.key === " ") {
      choose(boxAt(held), howOf(event));
    } else if (event.key === "Escape" && cursor) {
      setCursor(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
  const part = (number: number, { from, to }: Window) =>
    `${Math.max(0, Math.min(1, (number - from) / (to - from))) * 100}%`;
  const placeOf = (of: Box) => ({
    left: part(of.columns.from, columns),
    width: `calc(${part(of.columns.to, columns)} - ${part(of.columns.from, columns)})`,
    top: part(of.rows.from, shown),
    height: `calc(${part(of.rows.to, shown)} - ${part(of.rows.from, shown)})`,
  });
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
        role="application"
        aria-label={`${label}: ${counted(columns.to - columns.from, "column")}, ${counted(count, "row")}`}
        aria-describedby={area}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: cells are walked by keys
        tabIndex={0}
        onKeyDown={press}
        onBlur={() => setCursor(null)}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setCursor(null);
          setDrag({ from: at(event), to: at(event), how: howOf(event) });
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
          <span key={n} className={styles.brush} style={placeOf(brush)} />
        ))}
        {cursor && <span className={`${styles.brush} ${styles.cursor}`} style={placeOf(boxAt(within(cursor, box)))} />}
      </div>
      <ol className={styles.sums} aria-hidden="true" title="Not fresh">
        {sums.map((sum, n) => (
          <li key={n} style={{ height: row }}>
            {n % every === 0 && sum > 0 && whole(sum)}
          </li>
        ))}
      </ol>
      <p id={area} className={styles.said} role="status">
        {cursor && <Said asset={asset} at={within(cursor, box).at} rows={rows} names={names} />}
      </p>
    </div>
  );
}

/** The cell that somebody has come to by keys. */
function Said({ asset, at: { x, y }, rows, names }: Pick<Props, "asset" | "rows" | "names"> & { at: Cursor["at"] }) {
  const { data, isAwaited } = useAnswer(DIMENSION_KEYS, { key: asset, first: x, last: x });
  const column = isAwaited ? null : data?.project.environment.asset.partitioning?.dimensions[0]?.first[0];
  const mark = rows[y]?.find(({ start, stop }) => start <= x && x < stop)?.mark;
  return [column ?? "…", names[y], mark ?? "not there"].join(", ");
}

/** Where somebody is by keys, and where the box began that they draw; by numbers of columns and rows. */
interface Cursor {
  at: { x: number; y: number };
  from: { x: number; y: number };
}

/** With ctrl an arrow goes so far. */
const FAR = 10;
const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function first({ columns, rows }: Box): Cursor["at"] {
  return { x: columns.from, y: rows.from };
}

function within({ at, from }: Cursor, { columns, rows }: Box): Cursor {
  const held = ({ x, y }: Cursor["at"]) => ({
    x: Math.max(columns.from, Math.min(columns.to - 1, x)),
    y: Math.max(rows.from, Math.min(rows.to - 1, y)),
  });
  return { at: held(at), from: held(from) };
}

function boxAt({ at, from }: Cursor): Box {
  return {
    columns: { from: Math.min(at.x, from.x), to: Math.max(at.x, from.x) + 1 },
    rows: { from: Math.min(at.y, from.y), to: Math.max(at.y, from.y) + 1 },
  };
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
