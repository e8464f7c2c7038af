import { useAnswer } from "@/server/use-answer.ts";
import { Dialog } from "@/shared/dialog.tsx";
import { whole } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import styles from "./deployments.module.css";
import { type Changed, DIFFERENCE } from "./documents.ts";

/** What a deployment has more, no longer and otherwise than another one. */
export function Difference({ before, after, close }: { before: string; after: string; close(): void }) {
  const { data, problem, isAwaited, again } = useAnswer(DIFFERENCE, { before, after });
  const found = isAwaited ? null : data?.project.deploymentDifference;
  const isEmpty = found && found.added.length + found.removed.length + found.changed.length === 0;
  return (
    <Dialog title={`${before.slice(0, 8)} → ${after.slice(0, 8)}`} place="side" close={close}>
      <div className={styles.difference}>
        {problem && <Problem problem={problem} again={again} />}
        {isAwaited && !problem && <Skeleton lines={10} />}
        {isEmpty && <Empty title="Nothing is otherwise" />}
        {found && found.added.length > 0 && <Names title="Added" of={found.added} count={found.addedCount} />}
        {found && found.removed.length > 0 && <Names title="Removed" of={found.removed} count={found.removedCount} />}
        {found?.changed.map((one) => (
          <ChangedOne key={`${one.kind} ${one.name}`} of={one} />
        ))}
        {found && <Rest shown={found.changed.length} of={found.changedCount} />}
      </div>
    </Dialog>
  );
}

interface NamesProps {
  title: string;
  of: readonly { kind: string; name: string }[];
  count: number;
}

function Names({ title, of, count }: NamesProps) {
  return (
    <section>
      <h3>{title}</h3>
      <ul className={styles.names}>
        {of.map(({ kind, name }) => (
          <li key={`${kind} ${name}`}>
            <span className={styles.mute}>{kind}</span> {name}
          </li>
        ))}
      </ul>
      <Rest shown={of.length} of={count} />
    </section>
  );
}

function Rest({ shown, of }: { shown: number; of: number }) {
  return of > shown && <p className={styles.mute}>and {whole(of - shown)} more</p>;
}

function ChangedOne({ of: { kind, name, code, parts } }: { of: Changed }) {
  return (
    <section>
      <h3>
        <span className={styles.mute}>{kind}</span> {name}
      </h3>
      <ul className={styles.names}>
        {code.map(({ subject, name: part, before, after }) => (
          <li key={`${subject} ${part}`}>
            <code>{part}</code> <span className={styles.mute}>{codeWord(before, after)}</span>
          </li>
        ))}
        {parts.map(({ what, before, after }) => (
          <li key={what}>
            {what}: {before !== null && <del>{before}</del>} {after !== null && <ins>{after}</ins>}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Code is known by what tells it from other code; its text is on the page of the asset. */
function codeWord(before: string | null, after: string | null): string {
  return before === null ? "is used now" : after === null ? "is not used any more" : "is other code";
}
