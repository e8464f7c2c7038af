import { useView } from "@/address/use-address.ts";
import { countsText } from "@/runs/counts.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Glyph, Status } from "@/shared/glyph.tsx";
import { RUN_STANDINGS } from "@/shared/marks.ts";
import { counted, whole } from "@/shared/numbers.ts";
import { about, duration } from "@/shared/times.ts";
import { useNow } from "@/shared/use-now.ts";
import { type Progress, type RunOf, TIMELINE } from "./documents.ts";
import styles from "./said.module.css";
import { ShareBar } from "./share-bar.tsx";
import { isOver, paceText, shares } from "./standing.ts";

/** What is to say of a run: how it stands, how far it is and how fast, who asked for it. */
export function Said({ run, progress }: { run: RunOf; progress: Progress | null }) {
  const { asOf } = useView();
  const all = progress ? shares(progress.tasks) : [];
  return (
    <div className={styles.said}>
      <p className={styles.line} role="status">
        <Status {...RUN_STANDINGS[run.status]} />
        <span className="figures">
          {run.endedAt ? (
            duration(Math.max(0, new Date(run.endedAt).getTime() - new Date(run.requestedAt).getTime()))
          ) : run.status === "RUNNING" && asOf === null ? (
            <Running since={run.requestedAt} />
          ) : null}
        </span>
        {progress ? (
          <span className="figures">
            {progress.ended === progress.total
              ? counted(progress.total, "step")
              : `${whole(progress.ended)} of ${counted(progress.total, "step")}`}
          </span>
        ) : (
          run.counts !== null && <span>{countsText(run.counts)}</span>
        )}
        {progress && !isOver(run.status) && <span className={styles.mute}>{paceText(progress)}</span>}
      </p>
      {all.length > 0 && (
        <>
          <ShareBar shares={all} tall />
          <ul className={styles.legend} aria-label="Steps by how they stand">
            {all.map(({ status, mark, count }) => (
              <li key={status}>
                <Glyph mark={mark} size={10} /> {whole(count)} {status}
              </li>
            ))}
          </ul>
        </>
      )}
      <p className={styles.facts}>
        <span>
          Run <code>{run.id}</code>
        </span>
        <span>
          asked for by {run.actor.replace(/ \(token .*/, "")} <Ago at={run.requestedAt} said />
        </span>
        <span>in {run.environment}</span>
        {isOver(run.status) && <Cost run={run.id} />}
      </p>
    </div>
  );
}

/** What it cost, as far as that is known: the time that its steps took, many at once or not. */
function Cost({ run }: { run: string }) {
  const { data, isAwaited } = useAnswer(TIMELINE, { run });
  const found = isAwaited ? null : data?.project.run.timeline;
  const ms = (found?.durationMs ?? []).reduce<number>((sum, one) => sum + (one ?? 0), 0);
  if (!found || ms === 0) return null;
  return (
    <span>
      {found.endStep === null ? "its steps" : "the first of its steps"} took {duration(ms)} in all
    </span>
  );
}

function Running({ since }: { since: string }) {
  const now = useNow(1_000);
  return about(Math.max(0, now.getTime() - new Date(since).getTime()));
}
