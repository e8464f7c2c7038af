import { Dialog } from "@/shared/dialog.tsx";
import { Keys } from "@/shared/keys.tsx";
import { useStore } from "@/shared/store.ts";
import styles from "./help.module.css";
import { shortcuts } from "./use-shortcuts.ts";

export default function Help({ close }: { close(): void }) {
  const all = useStore(shortcuts);
  return (
    <Dialog title="Keyboard shortcuts" close={close}>
      <dl className={styles.list}>
        {all.map(({ keys, label }) => (
          <div key={`${keys} ${label}`} className={styles.one}>
            <dt>{label}</dt>
            <dd>
              <Keys of={keys} />
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
