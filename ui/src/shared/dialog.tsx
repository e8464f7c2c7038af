import { type ReactNode, useEffect, useRef } from "react";
import styles from "./dialog.module.css";
import { Icon } from "./icon.tsx";

interface Props {
  title: string;
  close(): void;
  children: ReactNode;
  /** `side`: a drawer on the right; `top`: without a head, as palettes are. */
  place?: "middle" | "side" | "top";
}

/** Where the first thing is to be said, the focus begins there: the browser would have it on the way out. */
function begin(dialog: HTMLDialogElement): void {
  const field = dialog.querySelector<HTMLElement>(FIELDS);
  if (!field || field === document.activeElement) return;
  field.focus();
  if (field instanceof HTMLInputElement) field.select();
}

const FIELDS = ["input", "select", "textarea"].map((name) => `${name}:enabled`).join();

/** What lies over the page: the browser keeps the focus in it, and closes it with esc. */
export function Dialog({ title, close, children, place = "middle" }: Props) {
  const of = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = of.current;
    if (dialog && !dialog.open) {
      dialog.showModal();
      begin(dialog);
    }
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={of}
      className={`${styles.dialog} ${styles[place]}`}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => event.target === of.current && close()}
    >
      <div className={styles.inside}>
        {place !== "top" && (
          <header className={styles.head}>
            <h2>{title}</h2>
            <button type="button" className={styles.close} aria-label="Close" onClick={close}>
              <Icon name="close" />
            </button>
          </header>
        )}
        {children}
      </div>
    </dialog>
  );
}
