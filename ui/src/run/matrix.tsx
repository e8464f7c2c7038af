import { type PointerEvent, useMemo, useState } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange } from "@/address/use-address.ts";
import { whole } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import type { RunOf, Task } from "./documents.ts";
import styles from "./matrix.module.css";
import { type Matrix as MatrixOf, type MatrixRow, matrices, stretches } from "./matrix.ts";
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

function Section({ matrix: { columns, rows, width } }: { matrix: MatrixOf }) {
  const [pointed, point] = useState("");
  return (
    <section className={styles.matrix} aria-label={`By partition, ${columns[0]} to ${columns.at(-1)}`}>
      {rows.map((row) => (
        <Row key={row.assets.join(" ")} row={row} columns={columns} width={width} point={point} />
      ))}
      <p className={styles.axis} aria-hidden="true">
        <span>{columns[0]}</span>
        <span className={styles.pointed}>{pointed}</span>
        <span>{columns.length === width && width > 1 && columns.at(-1)}</span>
      </p>
    </section>
  );
}

interface RowProps {
  row: MatrixRow;
  columns: readonly string[];
  width: number;
  point(text: string): void;
}

function Row({ row: { assets, cells, begun, total }, columns, width, point }: RowProps) {
  const change = useChange();
  const isAlone = width <= ALONE;
  const drawn = useMemo(() => stretches(cells, MOST, isAlone), [cells, isAlone]);
  const there = cells.filter((cell) => cell !== undefined);
  const said = shares([{ steps: there.map(({ status }) => ({ status, count: 1 })) }])
    .map(({ status, count }) => `${whole(count)} ${status}`)
    .join(", ");

  function at(event: PointerEvent | React.MouseEvent): number {
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
        onPointerMove={(event) =>
          point(`${columns[at(event)] ?? ""} ${cells[at(event)]?.status ?? "not begun"}`.trim())
        }
        onPointerLeave={() => point("")}
        onClick={(event) => {
          const cell = cells[at(event)];
          if (cell) change({ tab: "steps", step: String(cell.number) }, { step: true });
        }}
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
      </svg>
      <span className={styles.count}>{begun < total ? `${whole(begun)} / ${whole(total)}` : whole(total)}</span>
    </>
  );
}
