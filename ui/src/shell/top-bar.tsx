import { ENVIRONMENT } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useView } from "@/address/use-address.ts";
import { MomentPill } from "@/moment/moment-pill.tsx";
import { useProject } from "@/server/project.ts";
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
  const { projects, environments } = useSession();
  const { environment } = useView();
  const project = useProject();
  const change = useChange();
  return (
    <header className={styles.bar}>
      <Link to="/" className={styles.home} aria-label="Latewood">
        <Wordmark />
      </Link>
      <button type="button" className={styles.find} onClick={find}>
        <Icon name="search" size={15} />
        <span>Find asset, run, page…</span>
        <Keys of="mod+k" />
      </button>
      <div className={styles.right}>
        <Pick
          label="Project"
          all={projects}
          value={project}
          pick={(to) => change({ project: to, env: null, asOf: null }, { step: true })}
        />
        <Pick
          label="Environment"
          all={environments}
          value={environment}
          pick={(to) => change({ env: to === ENVIRONMENT ? null : to }, { step: true })}
        />
        <MomentPill isOpen={isMomentOpen} open={openMoment} />
      </div>
    </header>
  );
}

interface PickProps {
  label: string;
  all: readonly string[];
  value: string;
  pick(to: string): void;
}

/** Which one is shown; not there where there is no other one. */
function Pick({ label, all, value, pick }: PickProps) {
  const names = all.includes(value) ? all : [value, ...all];
  if (names.length < 2) return null;
  return (
    <label className={styles.pick}>
      <span className="unseen">{label}</span>
      <select value={value} onChange={(event) => pick(event.target.value)}>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <Icon name="down" size={13} />
    </label>
  );
}
