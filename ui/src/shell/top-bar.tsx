import { ENVIRONMENT } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useView } from "@/address/use-address.ts";
import { MomentPill } from "@/moment/moment-pill.tsx";
import { FIRST } from "@/pages.ts";
import { useSession } from "@/session/session.ts";
import { Icon } from "@/shared/icon.tsx";
import { Keys } from "@/shared/keys.tsx";
import styles from "./top-bar.module.css";
import { Wordmark } from "./wordmark.tsx";

interface Props {
  find(): void;
  isMomentOpen: boolean;
  openMoment(is: boolean): void;
}

export function TopBar({ find, isMomentOpen, openMoment }: Props) {
  return (
    <header className={styles.bar}>
      <Link to={FIRST} className={styles.home} aria-label="Latewood">
        <Wordmark />
      </Link>
      <button type="button" className={styles.find} onClick={find}>
        <Icon name="search" size={15} />
        <span>Find asset, run, page…</span>
        <Keys of="mod+k" />
      </button>
      <div className={styles.right}>
        <EnvironmentPick />
        <MomentPill isOpen={isMomentOpen} open={openMoment} />
      </div>
    </header>
  );
}

/** Which environment is shown; not there where there is only the usual one. */
function EnvironmentPick() {
  const { environments } = useSession();
  const { environment } = useView();
  const change = useChange();
  const all = environments.includes(environment) ? environments : [environment, ...environments];
  if (all.length < 2) return null;
  return (
    <label className={styles.environment}>
      <span className="unseen">Environment</span>
      <select
        value={environment}
        onChange={(event) =>
          change({ env: event.target.value === ENVIRONMENT ? null : event.target.value }, { step: true })
        }
      >
        {all.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <Icon name="down" size={13} />
    </label>
  );
}
