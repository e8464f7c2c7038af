import styles from "./line.module.css";
import type { Piece } from "./pieces.ts";

/** One line of code. */
export function Line({ pieces }: { pieces: readonly Piece[] | undefined }) {
  return (
    <code className={styles.line}>
      {pieces?.map(({ text, kind }, n) =>
        kind ? (
          <span key={n} data-kind={kind}>
            {text}
          </span>
        ) : (
          text
        ),
      )}
      {!pieces?.length && " "}
    </code>
  );
}
