import { Keys } from "@/shared/keys.tsx";
import { Panel } from "@/shared/panels.tsx";
import styles from "./home.module.css";

/** In a project of more assets than these somebody knows their way. */
export const FEW_ASSETS = 30;

const WAYS = [
  ["mod+k", "finds an asset, a run or a page, and does things: type > for what"],
  ["m", "has something made: what that would do is shown before"],
  ["w", "on an asset: why it stands as it does, cause by cause"],
  ["t", "shows all of this as it was at another moment"],
  ["?", "has all other keys"],
] as const;

/** What can be done here, where there is little else to say yet. */
export function AroundPanel() {
  return (
    <Panel title="Finding your way">
      <ul className={styles.rows}>
        {WAYS.map(([keys, does]) => (
          <li key={keys} className={styles.way}>
            <span>
              <Keys of={keys} />
            </span>
            {does}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
