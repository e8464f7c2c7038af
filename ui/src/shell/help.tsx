import { Dialog } from "@/shared/dialog.tsx";
import styles from "./help.module.css";
import { ShortcutList } from "./shortcut-list.tsx";

export default function Help({ close }: { close(): void }) {
  return (
    <Dialog title="Keyboard shortcuts" close={close}>
      <div className={styles.all}>
        <ShortcutList />
      </div>
    </Dialog>
  );
}
