import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Glyph } from "@/shared/glyph.tsx";
import { RUN_STANDINGS } from "@/shared/marks.ts";
import { Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { RUNNING, RUNNING_EVENTS } from "./documents.ts";
import styles from "./home.module.css";

const MOST = 6;

/** The runs that have not ended, and how far they are. */
export function RunningPanel() {
  const { data, problem, again } = useAnswer(RUNNING, { first: MOST }, { on: RUNNING_EVENTS });
  const runs = data?.project.runningRuns;
  return (
    <Panel
      title="Running now"
      actions={
        <span className={styles.count}>{runs && `${runs.nodes.length}${runs.pageInfo.hasNextPage ? "+" : ""}`}</span>
      }
    >
      {problem && <Problem problem={problem} again={again} />}
      {!runs && !problem && <Skeleton lines={2} height={34} />}
      {runs?.nodes.length === 0 && <p className={`${styles.nothing} ${styles.mute}`}>Nothing runs.</p>}
      {runs && runs.nodes.length > 0 && (
        <ul className={styles.rows}>
          {runs.nodes.map(({ id, selection, partitions, status, requestedAt, progress }) => {
            const { mark, word } = RUN_STANDINGS[status];
            return (
              <li key={id} className={styles.running}>
                <Glyph mark={mark} />
                <span className="unseen">{word}</span>
                <span className={styles.what}>
                  <Link to={pathOf("runs", id)} className={styles.strong} title={selection}>
                    {selection === "*" ? "All assets" : selection}
                  </Link>
                  {partitions && <span className={styles.mute}>{partitions}</span>}
                </span>
                {progress ? (
                  <progress aria-label={`Steps of ${id}`} max={Math.max(1, progress.total)} value={progress.ended}>
                    {progress.ended} of {progress.total}
                  </progress>
                ) : (
                  <span className={styles.mute}>{word}</span>
                )}
                <span className={styles.count}>
                  <Ago at={requestedAt} />
                </span>
              </li>
            );
          })}
        </ul>
      )}
      {runs?.pageInfo.hasNextPage && (
        <p className={styles.foot}>
          <Link to="/runs">More</Link>
        </p>
      )}
    </Panel>
  );
}
