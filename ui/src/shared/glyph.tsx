import styles from "./glyph.module.css";
import type { Mark, Standing } from "./marks.ts";

const SHAPES: Record<Mark, React.ReactNode> = {
  fresh: <circle cx="6" cy="6" r="3.6" fill="currentColor" />,
  running: <path d="M3.6 2.2v7.6L10 6z" fill="currentColor" />,
  stale: <path d="M6 1.8 11 10.2H1z" fill="currentColor" />,
  failed: <path d="M2.6 2.6 9.4 9.4M9.4 2.6 2.6 9.4" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" />,
  missing: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.4" strokeDasharray="2.1 1.5" />,
};

/** A mark alone; its word has to stand beside it, or in the name of what it is on. */
export function Glyph({ mark, size = 12 }: { mark: Mark; size?: number }) {
  return (
    <svg
      className={`${styles.glyph} ${styles[mark]}`}
      width={size}
      height={size}
      viewBox="0 0 12 12"
      aria-hidden="true"
    >
      {SHAPES[mark]}
    </svg>
  );
}

/** A mark with its word. */
export function Status({ mark, word }: Standing) {
  return (
    <span className={styles.status}>
      <Glyph mark={mark} />
      <span className={mark === "failed" || mark === "stale" ? styles[mark] : undefined}>{word}</span>
    </span>
  );
}
