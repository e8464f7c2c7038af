import { type CSSProperties, type ReactNode, useMemo } from "react";
import { useNow } from "@/shared/use-now.ts";
import { stepStanding } from "./standing.ts";
import styles from "./time-axis.module.css";
import { type Lap, ticks, tickText } from "./time-scale.ts";

interface Stretch {
  begin: number;
  /** Null as long as the run goes on: then it ends now. */
  end: number | null;
}

function useSpan({ begin, end }: Stretch): number {
  const now = useNow(1_000).getTime();
  return Math.max(1, (end ?? now) - begin);
}

/** Says how long the run is to all bars in it, which grow by that without being drawn anew. */
export function TimeSpan({ children, ...stretch }: Stretch & { children: ReactNode }) {
  const span = useSpan(stretch);
  return (
    <div className={styles.span} style={{ "--span": span } as CSSProperties}>
      {children}
    </div>
  );
}

/** Times since the run was asked for. */
export function Ruler(stretch: Stretch) {
  const span = useSpan(stretch);
  const found = useMemo(() => ticks(span, 6), [span]);
  return (
    <span className={styles.ruler}>
      <span className="unseen">Time since the run was asked for</span>
      {found.map((at) => (
        <span key={at} aria-hidden="true" className={styles.tick} style={{ left: `${(at / span) * 100}%` }}>
          {at / span < 0.88 && tickText(at)}
        </span>
      ))}
    </span>
  );
}

interface BarProps {
  lap: Lap | null;
  status: string;
  /** When all that it reads was there, in milliseconds since the run was asked for. */
  ready: number | null;
  /** Its attempts before. */
  tries: readonly Lap[];
  isCritical: boolean;
}

/** When a step ran, what it waited for before that, and when it was tried in vain. */
export function Bar({ lap, status, ready, tries, isCritical }: BarProps) {
  const { mark } = stepStanding(status);
  const begun = Math.min(...[lap, ...tries].map((one) => one?.start ?? Infinity));
  return (
    <span className={styles.line}>
      {lap && ready !== null && ready < begun && (
        <span
          className={`${styles.bar} ${styles.waited}`}
          style={{ "--start": ready, "--took": begun - ready } as CSSProperties}
        />
      )}
      {tries.map(({ start, took }) => (
        <span
          key={start}
          className={`${styles.bar} ${styles.tried}`}
          style={{ "--start": start, "--took": took ?? 0 } as CSSProperties}
        />
      ))}
      {lap && (
        <span
          className={`${styles.bar} ${styles[mark]}`}
          style={{ "--start": lap.start, "--took": lap.took ?? undefined } as CSSProperties}
          data-goes-on={lap.took === null || undefined}
          data-critical={isCritical || undefined}
        />
      )}
    </span>
  );
}
