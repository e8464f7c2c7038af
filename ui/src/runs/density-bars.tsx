import { counted } from "@/shared/numbers.ts";
import type { Piece } from "./density.ts";
import styles from "./density-bars.module.css";

/** Runs by time, as tall as what they are in. */
export function DensityBars({ pieces, buckets }: { pieces: readonly Piece[]; buckets: number }) {
  return (
    <svg className={styles.bars} viewBox={`0 0 ${buckets} 1`} preserveAspectRatio="none" aria-hidden="true">
      {pieces.map(({ bucket, mark, count, from, to }) => (
        <rect
          key={`${bucket} ${mark}`}
          className={styles[mark]}
          x={bucket + 0.12}
          width={0.76}
          y={1 - to}
          height={to - from}
        >
          <title>{counted(count, "run")}</title>
        </rect>
      ))}
    </svg>
  );
}
