import { Empty } from "@/shared/panels.tsx";
import styles from "./first-run.module.css";

const FILE = `from latewood import asset

@asset
def hello() -> dict[str, int]:
    return {"world": 1}`;

/** What to do in a project that has nothing yet. */
export function FirstRun() {
  return (
    <Empty title="No assets yet">
      <p>An asset is a typed function. Write this to a file, assets.py:</p>
      <pre className={styles.code}>{FILE}</pre>
      <p>and make it:</p>
      <pre className={styles.code}>latewood materialize '*' -f assets.py</pre>
      <p>This page shows it as soon as it is there.</p>
    </Empty>
  );
}
