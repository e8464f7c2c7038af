import type { ReactNode } from "react";
import type { Problem as ProblemOf } from "@/server/problem.ts";
import { lostSince } from "@/server/reachability.ts";
import { Button } from "./button.tsx";
import { Glyph } from "./glyph.tsx";
import styles from "./panels.module.css";
import { useStore } from "./store.ts";

/** The head of a page: what it is, what is to say of it, what can be done. */
export function PageHead({
  title,
  children,
  actions,
}: {
  title: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <header className={styles.head}>
      <h1>{title}</h1>
      <div className={styles.said}>{children}</div>
      <div className={styles.actions}>{actions}</div>
    </header>
  );
}

export function Panel({ title, children, actions }: { title?: ReactNode; children: ReactNode; actions?: ReactNode }) {
  return (
    <section className={styles.panel}>
      {title && (
        <header className={styles.title}>
          <h3>{title}</h3>
          {actions}
        </header>
      )}
      {children}
    </section>
  );
}

/** Nothing is there: why, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles.empty}>
      <p className={styles.emptyTitle}>{title}</p>
      {children}
    </div>
  );
}

/** Something could not be read; all else on the page goes on. That nothing answers is told once, above all pages. */
export function Problem({ problem, again }: { problem: ProblemOf; again?: () => void }) {
  const isLost = useStore(lostSince) !== null;
  if (isLost && problem.code === "UNAVAILABLE") return <p className={styles.waits}>Waiting for the server</p>;
  return (
    <div className={styles.problem} role="alert">
      <Glyph mark="failed" />
      <pre>{problem.message}</pre>
      {again && problem.passes && <Button onClick={again}>Try again</Button>}
    </div>
  );
}

const AWAY: ProblemOf = { message: "The server does not answer.", code: "UNAVAILABLE", passes: true };

/** A page or a tab of one that comes when the server is back. */
export function Away() {
  return (
    <div className={styles.away}>
      <Problem problem={AWAY} />
    </div>
  );
}

/** As many lines as there will be, of their height, so that nothing moves when they come. */
export function Skeleton({ lines = 8, height = 32 }: { lines?: number; height?: number }) {
  return (
    <div className={styles.skeleton} aria-hidden="true" data-awaited="">
      {Array.from({ length: lines }, (_, n) => (
        <div key={n} className={styles.bone} style={{ height }}>
          <span style={{ width: `${[62, 48, 71, 55, 40, 66, 52][n % 7]}%` }} />
        </div>
      ))}
    </div>
  );
}
