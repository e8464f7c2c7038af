import { allows, useSession } from "@/session/session.ts";
import { Keys } from "@/shared/keys.tsx";
import { PageHead, Panel } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { useStore } from "@/shared/store.ts";
import { setTheme, type Theme, theme } from "@/shell/theme.ts";
import { shortcuts } from "@/shell/use-shortcuts.ts";
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
  const keys = useStore(shortcuts);
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
          <dl className={styles.keys}>
            {keys.map(({ keys: pressed, label }) => (
              <div key={`${pressed} ${label}`}>
                <dt>{label}</dt>
                <dd>
                  <Keys of={pressed} />
                </dd>
              </div>
            ))}
          </dl>
        </Panel>
      </div>
    </div>
  );
}
