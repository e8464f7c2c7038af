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

/** When a step ran. */
export function Bar({ lap, status }: { lap: Lap | null; status: string }) {
  const { mark } = stepStanding(status);
  return (
    <span className={styles.line}>
      {lap && (
        <span
          className={`${styles.bar} ${styles[mark]}`}
          style={{ "--start": lap.start, "--took": lap.took ?? undefined } as CSSProperties}
          data-goes-on={lap.took === null || undefined}
        />
      )}
    </span>
  );
}
