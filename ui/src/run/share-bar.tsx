import styles from "./share-bar.module.css";
import type { Share } from "./standing.ts";

/** How many steps stand how, as parts of a line; its words stand beside it. */
export function ShareBar({ shares, tall }: { shares: readonly Share[]; tall?: boolean }) {
  return (
    <span className={`${styles.bar} ${tall ? styles.tall : ""}`} aria-hidden="true">
      {shares.map(({ status, mark, count }) => (
        <span
          key={status}
          className={status === "waiting" || status === "not begun" ? styles.none : styles[mark]}
          style={{ flexGrow: count }}
        />
      ))}
    </span>
  );
}
