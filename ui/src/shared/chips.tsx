import styles from "./chips.module.css";

/** Short words of which something has several. */
export function Chips({ texts }: { texts: readonly string[] }) {
  return (
    <span className={styles.chips}>
      {texts.map((text) => (
        <span key={text} className={styles.chip}>
          {text}
        </span>
      ))}
    </span>
  );
}
