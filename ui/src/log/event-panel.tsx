import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange } from "@/address/use-address.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Button } from "@/shared/button.tsx";
import { Dialog } from "@/shared/dialog.tsx";
import { whole } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { exactly } from "@/shared/times.ts";
import { EVENT, type Logged } from "./documents.ts";
import styles from "./log.module.css";
import { Sentence } from "./sentence.tsx";

/** All that the event at a position says, and the way to how things stood when it had happened. */
export function EventPanel({ at, close }: { at: number; close(): void }) {
  const { data, problem, isAwaited, again } = useAnswer(EVENT, { behind: at - 1 });
  const event = isAwaited ? null : data?.project.events.nodes.find(({ position }) => position === at);
  return (
    <Dialog title={`Event ${whole(at)}`} place="side" close={close}>
      {problem && <Problem problem={problem} again={again} />}
      {isAwaited && <Skeleton lines={8} />}
      {event && <Facts of={event} />}
      {!isAwaited && !problem && !event && <Empty title="There is no such event" />}
    </Dialog>
  );
}

function Facts({ of }: { of: Logged }) {
  const change = useChange();
  const { position, type, stream, version, occurredAt, actor, cause, data } = of;
  return (
    <div className={styles.event}>
      <Sentence of={of} />
      <dl className={styles.facts}>
        <dt>Type</dt>
        <dd>
          <code>{type}</code>
        </dd>
        <dt>When</dt>
        <dd>{exactly(new Date(occurredAt))}</dd>
        <dt>By</dt>
        <dd>{actor || "–"}</dd>
        <dt>Stream</dt>
        <dd>
          <Stream name={stream} /> {version}
        </dd>
        {cause !== null && (
          <>
            <dt>Caused by</dt>
            <dd>
              <Link to="/log" params={{ event: String(cause) }}>
                Event {whole(cause)}
              </Link>
            </dd>
          </>
        )}
      </dl>
      <Button primary onClick={() => change({ asOf: String(position), event: null }, { step: true })}>
        View as of here
      </Button>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what is longer than its box is scrolled by keys */}
      <section className={styles.data} tabIndex={0} aria-label="Data">
        <pre>{JSON.stringify(data, null, 2)}</pre>
      </section>
    </div>
  );
}

/** What the event is about: of a run its page. */
function Stream({ name }: { name: string }) {
  const run = /^run\/(\w+)$/.exec(name)?.[1];
  const code = <code>{name}</code>;
  return run ? <Link to={pathOf("runs", run)}>{code}</Link> : code;
}
