import styles from "./glyph.module.css";
import { type Mark, SHAPES, type Standing } from "./marks.ts";

/** A mark alone; its word has to stand beside it, or in the name of what it is on. */
export function Glyph({ mark, size = 12 }: { mark: Mark; size?: number }) {
  const { d, line, dash } = SHAPES[mark];
  return (
    <svg
      className={`${styles.glyph} ${styles[mark]}`}
      width={size}
      height={size}
      viewBox="0 0 12 12"
      aria-hidden="true"
    >
      {line ? (
        <path
          d={d}
          fill="none"
          stroke="currentColor"
          strokeWidth={line}
          strokeLinecap="round"
          strokeDasharray={dash?.join(" ")}
        />
      ) : (
        <path d={d} fill="currentColor" />
      )}
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

/** All that is true of one thing: the first with its word, others by their marks and for who hears them. */
export function Standings({ all: [first, ...others] }: { all: readonly Standing[] }) {
  if (!first) return null;
  const words = others.map(({ word }) => word).join(", ");
  return (
    <span className={styles.standings} title={others.length > 0 ? `${first.word}; also ${words}` : undefined}>
      <Status {...first} />
      {others
        .filter(({ mark }) => mark !== first.mark)
        .map(({ mark, word }) => (
          <Glyph key={word} mark={mark} size={10} />
        ))}
      {others.length > 0 && <span className="unseen">, {words}</span>}
    </span>
  );
}
