import { listAs } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { PartitionBar } from "@/assets/partition-bar.tsx";
import type { ResultOf } from "@/graphql.ts";
import type { Answer } from "@/server/use-answer.ts";
import { Status } from "@/shared/glyph.tsx";
import { whole } from "@/shared/numbers.ts";
import { Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import type { GROUPS } from "./documents.ts";
import { sharesOf, worstFirst } from "./groups.ts";
import styles from "./home.module.css";

const MOST = 16;

/** How the assets of each group stand. */
export function GroupsPanel({ answer }: { answer: Answer<ResultOf<typeof GROUPS>> }) {
  const { data, problem, again } = answer;
  const groups = data && worstFirst(data.project.environment.groups);
  return (
    <Panel title="Freshness by group" actions={<Link to="/lineage">Lineage</Link>}>
      {problem && <Problem problem={problem} again={again} />}
      {!groups && !problem && <Skeleton lines={5} height={34} />}
      {groups && (
        <ul className={styles.rows}>
          {groups.slice(0, MOST).map((group) => (
            <li key={group.name} className={styles.group}>
              <Link to="/assets" params={{ group: listAs([group.name]) }} className={styles.strong} title={group.name}>
                {group.name}
              </Link>
              <PartitionBar shares={sharesOf(group)} total={group.assets} />
              <span className={styles.now}>
                {group.failed > 0 && <Status mark="failed" word={`${whole(group.failed)} failed`} />}
                {group.running > 0 && <Status mark="running" word={`${whole(group.running)} running`} />}
              </span>
            </li>
          ))}
        </ul>
      )}
      {groups && groups.length > MOST && (
        <p className={styles.foot}>
          <Link to="/lineage">{whole(groups.length - MOST)} more groups</Link>
        </p>
      )}
    </Panel>
  );
}
