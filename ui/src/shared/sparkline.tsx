import { heights, spread } from "./spark.ts";
import styles from "./sparkline.module.css";

interface Props {
  values: readonly number[];
  /** How many there may be: fewer stand at the right, where the latest are. */
  most: number;
  textOf(value: number): string;
}

/** How a number went lately; one alone is told as it is. */
export function Sparkline({ values, most, textOf }: Props) {
  if (values.length === 0) return <span className={styles.none}>–</span>;
  const words = spread(values, textOf);
  const [only, ...others] = values;
  if (others.length === 0) return <span className={styles.one}>{textOf(only ?? 0)}</span>;
  const first = most - values.length;
  return (
    <span className={styles.of} title={words}>
      <svg viewBox={`0 0 ${most} 1`} preserveAspectRatio="none" role="img" aria-label={words}>
        {heights(values).map((height, n) => (
          <rect key={n} x={first + n + 0.12} y={1 - height} width={0.76} height={height} />
        ))}
      </svg>
    </span>
  );
}
