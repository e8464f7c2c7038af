import { Link } from "@/address/link.tsx";
import { Sentence } from "@/log/sentence.tsx";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { CHANGE_TYPES, CHANGES } from "./documents.ts";
import styles from "./home.module.css";

const MOST = 12;

/** What was done to the environment, and what came of its runs, the latest first. */
export function ChangesPanel() {
  const { data, problem, again } = useAnswer(CHANGES, { types: [...CHANGE_TYPES], first: MOST }, { on: CHANGE_TYPES });
  const events = data?.project.events.nodes;
  return (
    <Panel title="Changed lately" actions={<Link to="/log">Log</Link>}>
      {problem && <Problem problem={problem} again={again} />}
      {!events && !problem && <Skeleton lines={8} height={34} />}
      {events?.length === 0 && <p className={`${styles.nothing} ${styles.mute}`}>Nothing has changed yet.</p>}
      {events && events.length > 0 && (
        <ul className={styles.rows}>
          {events.map((event) => (
            <li key={event.position} className={styles.change}>
              <Sentence of={event} />
              <span className={styles.count}>
                <Ago at={event.occurredAt} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
