import { type CSSProperties, type ReactNode, useMemo } from "react";
import { useNow } from "@/shared/use-now.ts";
import { stepStanding } from "./standing.ts";
import styles from "./time-axis.module.css";
import { type Lap, type Try, ticks, tickText } from "./time-scale.ts";

interface Stretch {
  begin: number;
  /** Null as long as the run goes on: then it ends now. */
  end: number | null;
}

export function useSpan({ begin, end }: Stretch): number {
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
  /** When another system had it as a job; null as long as it has not, undefined for what is none. */
  handed: number | null | undefined;
  /** Its attempts before. */
  tries: readonly Try[];
  isCritical: boolean;
  /** Shows what one of these printed. */
  choose(attempt: number): void;
}

/** When a step ran, what it waited for before that, and when it was tried in vain. */
export function Bar({ lap, status, ready, handed, tries, isCritical, choose }: BarProps) {
  const { mark } = stepStanding(status);
  const begun = Math.min(...[lap, ...tries].map((one) => one?.start ?? Infinity));
  return (
    <span className={styles.line}>
      {lap && ready !== null && ready < begun && (
        <span className={`${styles.bar} ${styles.waited}`} style={placed(ready, begun - ready)} />
      )}
      {tries.map(({ attempt, start, took }) => (
        <button
          key={attempt}
          type="button"
          tabIndex={-1}
          className={`${styles.bar} ${styles.tried}`}
          style={placed(start, took ?? 0)}
          aria-label={`Lines of attempt ${attempt}`}
          title={`Attempt ${attempt}`}
          onClick={() => choose(attempt)}
        />
      ))}
      {lap && (
        <span
          className={`${styles.bar} ${styles[mark]}`}
          style={placed(lap.start, lap.took)}
          data-goes-on={lap.took === null || undefined}
          data-starting={handed === null || undefined}
          data-critical={isCritical || undefined}
        />
      )}
      {lap && typeof handed === "number" && handed > lap.start && (
        <span className={`${styles.bar} ${styles.starting}`} style={placed(lap.start, handed - lap.start)} />
      )}
    </span>
  );
}

/** From the first step of a group to the last one. */
export function GroupBar({ lap }: { lap: Lap | null }) {
  return (
    <span className={styles.line}>
      {lap && (
        <span
          className={`${styles.bar} ${styles.group}`}
          style={placed(lap.start, lap.took)}
          data-goes-on={lap.took === null || undefined}
        />
      )}
    </span>
  );
}

function placed(start: number, took: number | null): CSSProperties {
  return { "--start": start, "--took": took ?? undefined } as CSSProperties;
}
