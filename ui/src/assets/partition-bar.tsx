import { whole } from "@/shared/numbers.ts";
import styles from "./partition-bar.module.css";
import type { Share } from "./share.ts";

/** How the partitions of an asset stand, at a glance. */
export function PartitionBar({ shares, total }: { shares: readonly Share[]; total: number }) {
  const words = shares.map(({ mark, count }) => `${whole(count)} ${mark}`).join(", ");
  return (
    <span className={styles.of} title={words}>
      <span className={styles.bar} role="img" aria-label={words}>
        {shares.map(({ mark, part }) => (
          <span key={mark} data-mark={mark} style={{ flexGrow: part }} />
        ))}
      </span>
      <span className={styles.count}>{whole(total)}</span>
    </span>
  );
}
