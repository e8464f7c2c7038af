import { Keys } from "@/shared/keys.tsx";
import { useStore } from "@/shared/store.ts";
import styles from "./shortcut-list.module.css";
import { IN_PLACE, type Listed, listed } from "./shortcuts.ts";
import { shortcuts } from "./use-shortcuts.ts";

/** All keys that do something here. */
export function ShortcutList() {
  const all = useStore(shortcuts);
  return (
    <div className={styles.all}>
      <Those of={listed(all)} />
      {IN_PLACE.map(({ title, all }) => (
        <section key={title} aria-label={title}>
          <h3>{title}</h3>
          <Those of={all} />
        </section>
      ))}
    </div>
  );
}

function Those({ of }: { of: readonly Listed[] }) {
  return (
    <dl className={styles.list}>
      {of.map(({ label, keys }) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            {keys.map((one) => (
              <Keys key={one} of={one} />
            ))}
          </dd>
        </div>
      ))}
    </dl>
  );
}
