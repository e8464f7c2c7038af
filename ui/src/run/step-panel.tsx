import { useEffect } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useParam, useView } from "@/address/use-address.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Button } from "@/shared/button.tsx";
import { Chips } from "@/shared/chips.tsx";
import { Status } from "@/shared/glyph.tsx";
import { Icon } from "@/shared/icon.tsx";
import { Problem, Skeleton } from "@/shared/panels.tsx";
import { clock, duration } from "@/shared/times.ts";
import { ATTEMPTS, type Attempt, STEP_EVENTS, type StepRow, WHY_STEP } from "./documents.ts";
import { stepStanding } from "./standing.ts";
import styles from "./step-panel.module.css";
import { StepWhyOf } from "./step-why.tsx";

/** How often it is asked again what a step waits for: slots and engines are no events. */
const EVERY_MS = 3_000;

interface Props {
  run: string;
  step: StepRow;
  close(): void;
}

/** One step: what it makes, and what became of each of its attempts. */
export function StepPanel({ run, step, close }: Props) {
  const change = useChange();
  const { data, problem, isAwaited, again } = useAnswer(ATTEMPTS, { run, above: step.number - 1 }, { on: STEP_EVENTS });
  const found = data?.project.run.steps.nodes[0];
  const attempts = found?.number === step.number ? found.attempts : isAwaited ? null : [];
  const why = useAnswer(WHY_STEP, { run, step: step.number }, { on: STEP_EVENTS });
  const told = why.isAwaited ? null : (why.data?.project.whyStep ?? null);
  const { asOf } = useView();
  const goesOn = asOf === null && told !== null && (told.waits.length > 0 || told.jobs.some(({ state }) => state));
  const ask = why.again;
  useEffect(() => {
    if (!goesOn) return;
    const timer = setInterval(() => document.hidden || ask(), EVERY_MS);
    return () => clearInterval(timer);
  }, [goesOn, ask]);
  const partition = step.partition || told?.partition;
  const assets = step.assets.length > 0 ? step.assets : (told?.assets ?? []);
  return (
    <aside className={styles.panel} aria-label={`Step ${step.number}`}>
      <header className={styles.head}>
        <h2>
          {assets.length === 0 && `Step ${step.number}`}
          {assets.map((key) => (
            <Link key={key} to={pathOf("assets", key)}>
              {key}{" "}
            </Link>
          ))}
        </h2>
        <button type="button" className={styles.close} aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <p className={styles.said}>
        <Status {...stepStanding(step.status)} />
        {partition && <span>{partition}</span>}
        <span className={styles.mute}>step {step.number}</span>
        <Button quiet icon="log" onClick={() => change({ tab: "logs", in: String(step.number) }, { step: true })}>
          Logs
        </Button>
      </p>
      {step.status === "refused" && (
        <p className={styles.error}>
          Its result is refused: by a{" "}
          <Link to={pathOf("assets", assets[0] ?? "")} params={{ tab: "checks" }}>
            check
          </Link>
          , or because it was declared to be wrong.
        </p>
      )}
      {why.problem && <Problem problem={why.problem} again={why.again} />}
      {told && <StepWhyOf run={run} why={told} />}
      {problem && <Problem problem={problem} again={again} />}
      {attempts === null ? (
        <Skeleton lines={3} />
      ) : attempts.length === 0 ? (
        !problem && !told && !why.isAwaited && <p className={styles.none}>It was not run: {step.status}.</p>
      ) : (
        <ol className={styles.attempts} reversed>
          {attempts.toReversed().map((attempt) => (
            <AttemptOf key={attempt.number} attempt={attempt} isOne={attempts.length === 1} />
          ))}
        </ol>
      )}
    </aside>
  );
}

function AttemptOf({
  attempt: { number, status, startedAt, durationMs, reasons, failure, retryAt },
  isOne,
}: {
  attempt: Attempt;
  isOne: boolean;
}) {
  const chosen = useParam("try") === String(number);
  const change = useChange();
  return (
    <li className={styles.attempt}>
      <p className={styles.line}>
        {isOne ? (
          <strong>Attempt {number}</strong>
        ) : (
          <button
            type="button"
            className={styles.pick}
            aria-pressed={chosen}
            title="What it printed"
            onClick={() => change({ try: chosen ? null : String(number), line: null }, { step: true })}
          >
            Attempt {number}
          </button>
        )}
        <Status {...stepStanding(status)} />
        <span className={styles.mute}>
          {durationMs !== null && `${duration(durationMs)}, `}
          begun <Ago at={startedAt} said />
        </span>
      </p>
      {reasons.length > 0 && (
        <p className={styles.line}>
          <span className={styles.mute}>because of</span> <Chips texts={reasons} />
        </p>
      )}
      {failure && (
        <>
          <p className={styles.error}>
            <strong>{failure.error}</strong> {failure.message}
          </p>
          {failure.traceback && (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be scrolled by keyboard
            <section className={styles.traceback} aria-label={`Traceback of attempt ${number}`} tabIndex={0}>
              <pre>{failure.traceback}</pre>
            </section>
          )}
        </>
      )}
      {retryAt && (
        <p className={styles.mute}>
          The next attempt was due at <time dateTime={retryAt}>{clock(new Date(retryAt), undefined, true)}</time>.
        </p>
      )}
    </li>
  );
}
