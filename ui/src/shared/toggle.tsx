import type { ReactNode } from "react";
import styles from "./toggle.module.css";

interface Props {
  isOn: boolean;
  title?: string;
  turn(): void;
  children: ReactNode;
}

/** What narrows a list, or marks something in it, as long as it is on. */
export function Toggle({ isOn, title, turn, children }: Props) {
  return (
    <button type="button" className={styles.toggle} aria-pressed={isOn} title={title} onClick={turn}>
      {children}
    </button>
  );
}
