import { useChange } from "@/address/use-address.ts";
import { Glyph } from "@/shared/glyph.tsx";
import { counted } from "@/shared/numbers.ts";
import type { Progress } from "./documents.ts";
import styles from "./failures.module.css";

/** The first steps that failed: which, why, and the way to each. */
export function Failures({ progress }: { progress: Progress }) {
  const change = useChange();
  const { failures, tasks } = progress;
  if (failures.length === 0) return null;
  const failed = tasks.reduce(
    (sum, { steps }) => sum + steps.reduce((all, { status, count }) => all + (status === "failed" ? count : 0), 0),
    0,
  );
  return (
    <ul className={styles.failures} aria-label="What failed">
      {failures.map(({ step, asset, partition, error, message }) => (
        <li key={step}>
          <button
            type="button"
            className={styles.failure}
            onClick={() => change({ tab: "steps", step: String(step), asset: null, status: null }, { step: true })}
          >
            <Glyph mark="failed" />
            <span className={styles.what}>
              {asset} {partition}
            </span>
            <span className={styles.message} title={message}>
              {error}: {message}
            </span>
          </button>
        </li>
      ))}
      {failed > failures.length && (
        <li>
          <button
            type="button"
            className={styles.failure}
            onClick={() => change({ tab: "steps", step: null, asset: null, status: "failed" }, { step: true })}
          >
            {counted(failed - failures.length, "step")} more failed
          </button>
        </li>
      )}
    </ul>
  );
}
