import { allows, useSession } from "@/session/session.ts";
import { PageHead, Panel } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { useStore } from "@/shared/store.ts";
import { ShortcutList } from "@/shell/shortcut-list.tsx";
import { setTheme, type Theme, theme } from "@/shell/theme.ts";
import styles from "./settings.module.css";
import { Tokens } from "./tokens.tsx";

const THEMES: readonly (readonly [Theme, string])[] = [
  ["system", "As the system has it"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** Who is there, who may come in, how it looks and by what keys it is used. */
export default function Settings() {
  const { actor, role, version } = useSession();
  const now = useStore(theme);
  return (
    <div className={styles.page}>
      <PageHead title="Settings" />
      <div className={styles.all}>
        <Panel title="You">
          <dl className={styles.facts}>
            <dt>Name</dt>
            <dd>{actor || "–"}</dd>
            <dt>Role</dt>
            <dd>{role.toLowerCase()}</dd>
            <dt>Server</dt>
            <dd>Latewood {version}</dd>
            <dt>Theme</dt>
            <dd>
              <Select
                label="Theme"
                value={now}
                change={(value) => setTheme(THEMES.find(([one]) => one === value)?.[0] ?? "system")}
                options={THEMES}
              />
            </dd>
          </dl>
        </Panel>
        {allows(role, "ADMIN") && <Tokens />}
        <Panel title="Keyboard shortcuts">
          <div className={styles.keys}>
            <ShortcutList />
          </div>
        </Panel>
      </div>
    </div>
  );
}
