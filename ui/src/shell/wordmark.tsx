import styles from "./wordmark.module.css";

export function Wordmark({ small }: { small?: boolean }) {
  return (
    <span className={styles.wordmark}>
      <svg width="20" height="20" viewBox="0 0 24 24" aria-hidden="true">
        <path d="M12 1.5 22.5 12 12 22.5 1.5 12Z" fill="var(--fresh)" />
        <path d="M12 7.6 16.4 12 12 16.4 7.6 12Z" fill="var(--panel)" />
      </svg>
      <span className={small ? "unseen" : undefined}>Latewood</span>
    </span>
  );
}
