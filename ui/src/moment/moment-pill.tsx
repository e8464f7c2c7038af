import { useEffect, useRef } from "react";
import { useView } from "@/address/use-address.ts";
import { position } from "@/server/client.ts";
import { Icon } from "@/shared/icon.tsx";
import { whole } from "@/shared/numbers.ts";
import { useStore } from "@/shared/store.ts";
import { momentName } from "./moment.ts";
import { MomentPanel } from "./moment-panel.tsx";
import styles from "./moment-pill.module.css";

interface Props {
  isOpen: boolean;
  open(is: boolean): void;
}

/** Which moment is shown, and the way to another one. */
export function MomentPill({ isOpen, open }: Props) {
  const { asOf } = useView();
  const newest = useStore(position);
  const of = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const outside = (event: Event) => {
      if (event.target instanceof Node && !of.current?.contains(event.target)) open(false);
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [isOpen, open]);
  return (
    <div
      ref={of}
      className={styles.of}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !isOpen) return;
        event.preventDefault();
        event.stopPropagation();
        open(false);
        of.current?.querySelector("button")?.focus();
      }}
    >
      <button
        type="button"
        className={styles.pill}
        data-past={asOf !== null || undefined}
        aria-expanded={isOpen}
        aria-haspopup="dialog"
        title="Look at another moment (t)"
        onClick={() => open(!isOpen)}
      >
        <Icon name="clock" size={14} />
        {asOf === null ? (
          <>
            Now
            {newest > 0 && <span className={`${styles.at} figures`}>log {whole(newest)}</span>}
          </>
        ) : (
          momentName(asOf)
        )}
      </button>
      {isOpen && <MomentPanel close={() => open(false)} />}
    </div>
  );
}
