import { type MouseEvent, useMemo } from "react";
import { type Store, useStore } from "@/shared/store.ts";
import { busyIn, stepAt, stretchOf } from "./busy.ts";
import type { RunOf } from "./documents.ts";
import styles from "./log-time.module.css";
import { Ruler, TimeSpan, useSpan } from "./time-axis.tsx";
import { useTimeline } from "./use-time.ts";

/** As many as can be told apart. */
const BUCKETS = 400;

interface Props {
  run: RunOf;
  /** Steps whose lines are in sight. */
  inSight: Store<readonly number[]>;
  /** Shows the lines of a step. */
  choose(step: number): void;
}

/** A run in time above its logs: when how much went on, and of when the lines are that are in sight. */
export function LogTime({ run, inSight, choose }: Props) {
  const begin = new Date(run.requestedAt).getTime();
  const end = run.endedAt === null ? null : new Date(run.endedAt).getTime();
  const time = useTimeline(run.id);
  const span = useSpan({ begin, end });
  const seen = useStore(inSight);
  const busy = useMemo(() => (time ? busyIn(time, span, BUCKETS) : []), [time, span]);
  const stretch = useMemo(() => (time ? stretchOf(time, new Set(seen), span) : null), [time, seen, span]);

  function clicked(event: MouseEvent): void {
    const box = event.currentTarget.getBoundingClientRect();
    const step = time && stepAt(time, ((event.clientX - box.left) / box.width) * span, span);
    if (step !== null) choose(step);
  }

  return (
    <TimeSpan begin={begin} end={end}>
      <div className={styles.time}>
        <Ruler begin={begin} end={end} />
        <svg
          viewBox={`0 0 ${BUCKETS} 1`}
          preserveAspectRatio="none"
          role="img"
          aria-label="When the steps ran"
          onClick={clicked}
        >
          <title>A click shows what a step printed that ran then</title>
          {busy.map(({ from, to, share, mark }) => (
            <rect key={from} className={styles[mark]} x={from} width={to - from} y={1 - share} height={share} />
          ))}
        </svg>
        {stretch && (
          <span
            className={styles.sight}
            style={{ "--start": stretch.start, "--took": stretch.took } as React.CSSProperties}
          />
        )}
      </div>
    </TimeSpan>
  );
}
