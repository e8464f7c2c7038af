import { type FormEvent, useId, useMemo, useState } from "react";
import { useChange, useView } from "@/address/use-address.ts";
import { graphql } from "@/graphql.ts";
import { position } from "@/server/client.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Button } from "@/shared/button.tsx";
import { Keys } from "@/shared/keys.tsx";
import { useStore } from "@/shared/store.ts";
import { beyond, momentFrom, quickMoments } from "./moment.ts";
import styles from "./moment-panel.module.css";
import { MomentSlider } from "./moment-slider.tsx";

const MARKED = graphql(`
  query Marked($project: String!) {
    project(name: $project) {
      locations { name deployments(first: 2) { id position createdAt } }
      runs(first: 3) { nodes { id requestedAt requestedPosition } }
    }
  }
`);

const UNREAD = "Expected a position of the log, or a time such as 2026-03-01 09:00.";

/** Moments to go to: some that people look back to, some of what happened, and any that is typed. */
export function MomentPanel({ close }: { close(): void }) {
  const { asOf } = useView();
  const change = useChange();
  const { data } = useAnswer(MARKED, {});
  const quick = useMemo(() => quickMoments(new Date()), []);
  const [text, setText] = useState(asOf ?? "");
  const newest = useStore(position);
  const typed = momentFrom(text);
  const why = typed === null ? UNREAD : beyond(typed, newest, new Date());
  const isWrong = text.trim() !== "" && why !== null;
  const said = useId();

  /** To a moment; and what has changed from it until a later one, where that is asked for. */
  function go(to: string | null, until: string | null = null) {
    change({ asOf: to, since: until }, { step: true });
    close();
  }

  function send(event: FormEvent) {
    event.preventDefault();
    if (typed && !isWrong) go(typed);
  }

  const deployments = data?.project.locations
    .flatMap(({ name, deployments }) => deployments.map((one) => ({ ...one, name })))
    .sort((a, b) => b.position - a.position)
    .slice(0, 3);
  return (
    <div className={styles.panel} role="dialog" aria-label="Look at another moment">
      <form className={styles.typed} onSubmit={send}>
        <input
          aria-label="A position of the log, or a time"
          placeholder="48 211 or 2026-03-01 09:00"
          value={text}
          onChange={(event) => setText(event.target.value)}
          autoFocus
          aria-invalid={isWrong}
          aria-describedby={said}
        />
        <Button type="submit" primary disabled={!typed || isWrong}>
          Go
        </Button>
      </form>
      <p id={said} className={styles.wrong} role="status">
        {isWrong && why}
      </p>
      <MomentSlider go={go} />
      <div className={styles.lists}>
        <ul>
          {quick.map(({ label, asOf: to }) => (
            <li key={label}>
              <button type="button" onClick={() => go(to)}>
                <span>{label}</span>
              </button>
            </li>
          ))}
        </ul>
        <ul>
          {deployments?.map(({ id, position, createdAt, name }) => (
            <li key={id}>
              <button type="button" onClick={() => go(String(Math.max(1, position - 1)))}>
                <span>Before {name} was deployed</span>
                <span>
                  <Ago at={createdAt} />
                </span>
              </button>
            </li>
          ))}
          {data?.project.runs.nodes.map(({ id, requestedAt, requestedPosition }) => (
            <li key={id}>
              <button type="button" onClick={() => go(String(Math.max(1, requestedPosition - 1)))}>
                <span>Before run {id.slice(0, 6)}</span>
                <span>
                  <Ago at={requestedAt} />
                </span>
              </button>
            </li>
          ))}
        </ul>
      </div>
      <footer className={styles.foot}>
        <span>
          <Keys of="[" /> <Keys of="]" /> one event back, on; drag over the bars, or <Keys of="shift+enter" />, for what
          changed between two moments
        </span>
        {asOf !== null && (
          <Button onClick={() => go(null)}>
            Return to now <Keys of="escape" />
          </Button>
        )}
      </footer>
    </div>
  );
}
