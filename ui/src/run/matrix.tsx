import { type KeyboardEvent, type MouseEvent, useId, useMemo, useState } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange } from "@/address/use-address.ts";
import { counted, whole } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import type { RunOf, Task } from "./documents.ts";
import styles from "./matrix.module.css";
import {
  type Cell,
  type Matrix as MatrixOf,
  type MatrixRow,
  matrices,
  movedBy,
  type Place,
  stretches,
} from "./matrix.ts";
import { shares } from "./standing.ts";
import { MOST_STEPS, useSteps } from "./use-steps.ts";

/** So many stretches of a row can be told apart. */
const MOST = 600;
/** Up to so many cells stand alone, with a line between. */
const ALONE = 120;
/** Between those, as a part of the whole row. */
const GAP = 0.0015;

/** How far a run is by what it makes and partition; a click on a cell leads to its step. */
export function Matrix({ run, tasks }: { run: RunOf; tasks: readonly Task[] }) {
  const { rows, isAwaited, hasMore, problem, again } = useSteps(run.id);
  const found = useMemo(() => matrices(rows, tasks), [rows, tasks]);
  return (
    <div className={styles.all}>
      {problem && <Problem problem={problem} again={again} />}
      {found.map((matrix) => (
        <Section key={matrix.columns[0]} matrix={matrix} />
      ))}
      {hasMore && rows.length >= MOST_STEPS && (
        <p className={styles.mute}>The first {whole(MOST_STEPS)} steps are shown.</p>
      )}
      {found.length === 0 &&
        !problem &&
        (isAwaited ? <Skeleton lines={6} /> : <Empty title="No step of a partition has begun" />)}
    </div>
  );
}

/** By keys: arrows go from cell to cell, with ctrl far ones, home and end to the borders; enter leads to the step. */
function Section({ matrix: { columns, rows, width } }: { matrix: MatrixOf }) {
  const [pointed, point] = useState("");
  const [place, come] = useState<Place | null>(null);
  const change = useChange();
  const said = useId();
  const open = (cell: Cell | undefined) => cell && change({ tab: "steps", step: String(cell.number) }, { step: true });

  function press(event: KeyboardEvent): void {
    if (event.target !== event.currentTarget) return; // links have their own keys
    const at = place ?? { row: 0, column: 0 };
    const far = event.ctrlKey || event.metaKey;
    // the first key shows where one is
    const next = movedBy(at, event.key, far, { rows: rows.length, width });
    if (next) come(place ? next : at);
    else if (event.key === "Enter" && place) open(rows[place.row]?.cells[place.column]);
    else if (event.key === "Escape" && place) come(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const text = (row: MatrixRow, column: number) =>
    `${columns[column] ?? ""} ${row.cells[column]?.status ?? "not begun"}`.trim();
  const row = place && rows[place.row];
  return (
    <section className={styles.matrix} aria-label={`By partition, ${columns[0]} to ${columns.at(-1)}`}>
      <div
        className={styles.rows}
        role="application"
        aria-label={`Steps by partition: ${counted(rows.length, "row")}, ${counted(width, "column")}`}
        aria-describedby={said}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: cells are walked by keys
        tabIndex={0}
        onKeyDown={press}
        onBlur={(event) => event.currentTarget.contains(event.relatedTarget) || come(null)}
      >
        {rows.map((one, n) => (
          <Row
            key={one.assets.join(" ")}
            row={one}
            width={width}
            at={place?.row === n ? place.column : null}
            open={open}
            point={(column) => point(column === null ? "" : text(one, column))}
          />
        ))}
      </div>
      <p className={styles.axis}>
        <span aria-hidden="true">{columns[0]}</span>
        <span id={said} className={styles.pointed} role="status">
          {row ? `${row.assets.join(", ")} ${text(row, place.column)}` : <span aria-hidden="true">{pointed}</span>}
        </span>
        <span aria-hidden="true">{columns.length === width && width > 1 && columns.at(-1)}</span>
      </p>
    </section>
  );
}

interface RowProps {
  row: MatrixRow;
  width: number;
  /** The column that somebody has come to by keys; null for none. */
  at: number | null;
  open(cell: Cell | undefined): void;
  /** Is told what is pointed at; null for nothing. */
  point(column: number | null): void;
}

function Row({ row: { assets, cells, begun, total }, width, at, open, point }: RowProps) {
  const isAlone = width <= ALONE;
  const drawn = useMemo(() => stretches(cells, MOST, isAlone), [cells, isAlone]);
  const there = cells.filter((cell) => cell !== undefined);
  const said = shares([{ steps: there.map(({ status }) => ({ status, count: 1 })) }])
    .map(({ status, count }) => `${whole(count)} ${status}`)
    .join(", ");

  function columnOf(event: MouseEvent): number {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.floor(((event.clientX - box.left) / box.width) * width);
  }

  return (
    <>
      <span className={styles.assets} title={assets.join(", ")}>
        {assets.map((key, n) => (
          <span key={key}>
            {n > 0 && ", "}
            <Link to={pathOf("assets", key)}>{key}</Link>
          </span>
        ))}
      </span>
      <svg
        className={styles.cells}
        viewBox={`0 0 ${width} 1`}
        preserveAspectRatio="none"
        role="img"
        aria-label={said}
        onPointerMove={(event) => point(columnOf(event))}
        onPointerLeave={() => point(null)}
        onClick={(event) => open(cells[columnOf(event)])}
      >
        {drawn.map(({ mark, from, to }) => (
          <rect
            key={from}
            className={styles[mark]}
            x={from}
            width={to - from - (isAlone ? width * GAP : 0)}
            y={0}
            height={1}
          />
        ))}
        {at !== null && <rect className={styles.cursor} x={at} width={1} y={0} height={1} />}
      </svg>
      <span className={styles.count}>{begun < total ? `${whole(begun)} / ${whole(total)}` : whole(total)}</span>
    </>
  );
}
