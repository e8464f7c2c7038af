import { Button } from "@/shared/button.tsx";
import { Glyph } from "@/shared/glyph.tsx";
import { Icon } from "@/shared/icon.tsx";
import { useStore } from "@/shared/store.ts";
import styles from "./toasts.module.css";
import { dismiss, toasts } from "./toasts.ts";

export function Toasts() {
  const all = useStore(toasts);
  return (
    <div className={styles.toasts} role="status" aria-live="polite">
      {all.map(({ id, text, kind, undo }) => (
        <div key={id} className={styles.toast}>
          <Glyph mark={kind === "done" ? "fresh" : "failed"} />
          <span className={styles.text}>{text}</span>
          {undo && (
            <Button
              icon="undo"
              onClick={() => {
                dismiss(id);
                undo();
              }}
            >
              Undo
            </Button>
          )}
          <button type="button" className={styles.close} aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
