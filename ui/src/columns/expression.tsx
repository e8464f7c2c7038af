import { Line } from "@/code/line.tsx";
import { useHighlighted } from "@/code/use-highlighted.ts";
import { Button } from "@/shared/button.tsx";
import { toast } from "@/shell/toasts.ts";
import styles from "./expression.module.css";

/** How a query computes a column, to be read and taken elsewhere. */
export function Expression({ text }: { text: string }) {
  const lines = useHighlighted(text, "a.sql");
  return (
    <figure className={styles.expression} aria-label="Computed as">
      <figcaption>Computed as</figcaption>
      <pre>
        {lines.map((pieces, n) => (
          <Line key={n} pieces={pieces} />
        ))}
      </pre>
      <Button
        quiet
        icon="copy"
        title="Copy the expression"
        onClick={() => void navigator.clipboard.writeText(text).then(() => toast("Copied"))}
      >
        Copy
      </Button>
    </figure>
  );
}
