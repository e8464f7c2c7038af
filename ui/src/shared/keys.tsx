import { shown } from "@/shell/shortcuts.ts";
import { IS_MAC } from "@/shell/use-shortcuts.ts";
import styles from "./keys.module.css";

export function Keys({ of }: { of: string }) {
  return (
    <span className={styles.keys}>
      {shown(of, IS_MAC).map((key, n) => (
        <kbd key={n}>{key}</kbd>
      ))}
    </span>
  );
}
