import { useLocation } from "wouter";
import { Link } from "@/address/link.tsx";
import { ROUTES } from "@/address/routes.ts";
import { logOut } from "@/session/login.tsx";
import { useSession } from "@/session/session.ts";
import { Icon } from "@/shared/icon.tsx";
import { useStore } from "@/shared/store.ts";
import styles from "./navigation.module.css";
import { setTheme, type Theme, theme } from "./theme.ts";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const NAMES: Record<Theme, string> = { system: "System", light: "Light", dark: "Dark" };
const ICON = { system: "screen", light: "sun", dark: "moon" } as const;

export function Navigation({ help }: { help(): void }) {
  const [path] = useLocation();
  const now = useStore(theme);
  const { actor } = useSession();
  const isByToken = actor.includes("(token ");
  return (
    <nav className={styles.navigation} aria-label="Pages">
      <ul className={styles.pages}>
        {ROUTES.map(({ navigation, path: to, title }) => {
          if (!navigation) return null;
          const isHere = path === to || path.startsWith(`${to}/`);
          return (
            <li key={to}>
              <Link to={to} className={styles.page} aria-current={isHere ? "page" : undefined} title={navigation.keys}>
                <Icon name={navigation.icon} />
                <span>{title}</span>
              </Link>
            </li>
          );
        })}
      </ul>
      <div className={styles.foot}>
        {isByToken && (
          <button type="button" className={styles.page} onClick={logOut} title={`Log out ${actor}`}>
            <Icon name="out" />
            <span className={styles.who}>{actor.replace(/ \(token .*/, "")}</span>
          </button>
        )}
        <button
          type="button"
          className={`${styles.page} ${styles.spare}`}
          onClick={() => setTheme(NEXT[now])}
          aria-label={`${NAMES[now]} theme`}
          title="Light, dark, or as the system has it"
        >
          <Icon name={ICON[now]} />
          <span>{NAMES[now]} theme</span>
        </button>
        <button type="button" className={`${styles.page} ${styles.spare}`} onClick={help} aria-label="Shortcuts">
          <Icon name="why" />
          <span>Shortcuts</span>
        </button>
      </div>
    </nav>
  );
}
