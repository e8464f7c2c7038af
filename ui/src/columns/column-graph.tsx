import { useLayoutEffect, useMemo, useRef, useState } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Problem, Skeleton } from "@/shared/panels.tsx";
import styles from "./column-graph.module.css";
import { TRACED } from "./documents.ts";
import { Expression } from "./expression.tsx";
import { BOX, drawn, knownText, ownPath, traced } from "./traced.ts";
import { useReadings } from "./use-readings.ts";

interface Props {
  asset: string;
  column: string;
  partition: string;
}

/** What a column was computed from, and what from it: over all queries, to where nobody knows. */
export function ColumnGraph({ asset, column, partition }: Props) {
  const { data, problem, isAwaited, again } = useAnswer(
    TRACED,
    { key: asset, column, partition },
    { on: ASSET_EVENTS },
  );
  const readings = useReadings(asset, column);
  const steps = isAwaited ? null : data?.project.environment.columnLineage;
  const found = useMemo(
    () => traced({ asset, column }, steps?.nodes ?? [], readings.readings),
    [asset, column, steps, readings.readings],
  );
  const placed = useMemo(() => drawn(found), [found]);
  const of = useRef<HTMLElement>(null);
  const [pointed, point] = useState<number | null>(null);
  const lit = useMemo(() => (pointed === null ? null : ownPath(found, pointed)), [found, pointed]);
  const subject = placed.at[0];
  // what is asked about is in sight, however long the way to it is
  useLayoutEffect(() => {
    const box = of.current;
    if (box && subject) box.scrollLeft = subject.x + BOX.width / 2 - box.clientWidth / 2;
  }, [subject]);

  // of what no head has there is nothing to follow
  if (problem && problem.code !== "BAD_INPUT") return <Problem problem={problem} again={again} />;
  if (isAwaited || readings.isAwaited) return <Skeleton lines={3} />;
  const own = found.boxes[0];
  const how = own?.expressions.map((text) => <Expression key={text} text={text} />);
  if (found.lines.length === 0)
    return (
      <>
        {how}
        <p className={styles.note}>
          {problem
            ? "No version that is current has it."
            : own?.ends[0] === "not known: Python"
              ? "What it is made from is not recorded: of Python code it is known which assets it reads, and not which of their columns."
              : `What it is made from: ${own ? knownText(own) : "not known"}.`}{" "}
          No other column is known to be computed from it.
        </p>
      </>
    );
  return (
    <>
      {how}
      {readings.problem && <Problem problem={readings.problem} />}
      <section
        ref={of}
        className={styles.graph}
        data-lit={lit ? "" : undefined}
        aria-label={`What ${column} was computed from, and what from it`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be scrolled by keyboard
        tabIndex={0}
      >
        <div className={styles.sheet} style={{ width: placed.width, height: placed.height }}>
          <svg width={placed.width} height={placed.height} aria-hidden="true">
            {found.lines.map(({ from, to, input, isPartial }, n) => (
              <path
                key={`${from} ${to} ${input}`}
                d={placed.paths[n]}
                data-side={found.boxes[to]?.side === "down" ? "down" : "up"}
                data-partial={isPartial || undefined}
                data-on={lit?.lines.has(n) || undefined}
              />
            ))}
          </svg>
          <ol>
            {found.boxes.map((box, n) => (
              <li
                key={`${box.asset} ${box.column}`}
                data-on={lit?.boxes.has(n) || undefined}
                onPointerEnter={() => point(n)}
                onPointerLeave={() => point(null)}
                onFocus={() => point(n)}
                onBlur={() => point(null)}
                style={{ left: placed.at[n]?.x, top: placed.at[n]?.y, width: BOX.width, height: BOX.height }}
              >
                <Link
                  to={pathOf("assets", box.asset)}
                  params={{ tab: "columns", column: box.column }}
                  className={styles.box}
                  data-side={box.side}
                  data-known={box.confidence ?? "NONE"}
                  aria-current={box.side === "subject" || undefined}
                  title={[`${box.column} of ${box.asset}: ${knownText(box)}`, ...box.expressions].join("\n")}
                >
                  <b>{box.column}</b>
                  <span>{box.asset}</span>
                  {box.expressions.length > 0 ? (
                    <code>{box.expressions.join(", or ")}</code>
                  ) : (
                    <small>{knownText(box)}</small>
                  )}
                </Link>
              </li>
            ))}
          </ol>
        </div>
      </section>
      {(readings.isCut || steps?.pageInfo.hasNextPage) && (
        <p className={styles.note}>There is more than is shown: begin at a column nearer to it.</p>
      )}
    </>
  );
}
