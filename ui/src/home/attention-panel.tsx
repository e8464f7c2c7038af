import { useEffect } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useView } from "@/address/use-address.ts";
import type { ResultOf } from "@/graphql.ts";
import { type Answer, useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Glyph, Status } from "@/shared/glyph.tsx";
import { whole } from "@/shared/numbers.ts";
import { Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { standing, troubleText } from "./attention.ts";
import { type ATTENTION, LAST_FAILURE, type Needed } from "./documents.ts";
import styles from "./home.module.css";

export const SHOWN = 10;
const LATER_MS = 60_000;

/** What somebody has to look at, first what holds up most. */
export function AttentionPanel({ answer }: { answer: Answer<ResultOf<typeof ATTENTION>> }) {
  const { data, problem, again } = answer;
  const { asOf } = useView();
  const found = data?.project.environment.attention;
  useEffect(() => {
    if (asOf !== null) return;
    const timer = setInterval(again, LATER_MS); // what is overdue becomes so without any event
    return () => clearInterval(timer);
  }, [asOf, again]);
  const more = found ? found.totalCount - found.nodes.length : 0;
  return (
    <Panel
      title="Needs attention"
      actions={<span className={styles.count}>{found ? whole(found.totalCount) : ""}</span>}
    >
      {problem && <Problem problem={problem} again={again} />}
      {!found && !problem && <Skeleton lines={6} height={34} />}
      {found?.nodes.length === 0 && <Nothing />}
      {found && found.nodes.length > 0 && (
        <ul className={styles.rows}>
          {found.nodes.map((one) => (
            <Item key={one.asset.key} of={one} />
          ))}
        </ul>
      )}
      {more > 0 && <p className={styles.foot}>and {whole(more)} more that hold up less</p>}
    </Panel>
  );
}

function Item({ of }: { of: Needed }) {
  const { key } = of.asset;
  return (
    <li className={styles.needed}>
      <Status {...standing(of)} />
      <span className={styles.what}>
        <Link to={pathOf("assets", key)} className={styles.strong} title={key}>
          {key}
        </Link>
        <span className={styles.mute} title={troubleText(of)}>
          {troubleText(of)}
        </span>
      </span>
      {of.heldUp > 0 && (
        <Link to="/lineage" params={{ focus: key }} className={styles.held} title="What it holds up, in the graph">
          <span aria-hidden="true">→</span> {whole(of.heldUp)} held up
        </Link>
      )}
      {of.sinceAt && (
        <span className={styles.since}>
          <Ago at={of.sinceAt} />
        </span>
      )}
    </li>
  );
}

function Nothing() {
  const { data } = useAnswer(LAST_FAILURE, {});
  const last = data?.project.runs.nodes[0];
  return (
    <p className={styles.nothing}>
      <Glyph mark="fresh" /> Nothing needs you.
      {last?.endedAt && (
        <span className={styles.mute}>
          The last failure: <Link to={pathOf("runs", last.id)}>{last.id}</Link>, <Ago at={last.endedAt} />
        </span>
      )}
    </p>
  );
}
