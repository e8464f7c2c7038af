import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange } from "@/address/use-address.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Button } from "@/shared/button.tsx";
import { Chips } from "@/shared/chips.tsx";
import { Status } from "@/shared/glyph.tsx";
import { Icon } from "@/shared/icon.tsx";
import { Problem, Skeleton } from "@/shared/panels.tsx";
import { clock, duration } from "@/shared/times.ts";
import { ATTEMPTS, type Attempt, STEP_EVENTS, type StepRow } from "./documents.ts";
import { stepStanding } from "./standing.ts";
import styles from "./step-panel.module.css";

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
  const attempts = found?.number === step.number ? found.attempts : null;
  return (
    <aside className={styles.panel} aria-label={`Step ${step.number}`}>
      <header className={styles.head}>
        <h2>
          {step.assets.map((key) => (
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
        {step.partition && <span>{step.partition}</span>}
        <span className={styles.mute}>step {step.number}</span>
        <Button quiet icon="log" onClick={() => change({ tab: "logs", in: String(step.number) }, { step: true })}>
          Logs
        </Button>
      </p>
      {problem && <Problem problem={problem} again={again} />}
      {attempts === null ? (
        isAwaited && <Skeleton lines={3} />
      ) : attempts.length === 0 ? (
        <p className={styles.none}>It was not run: {step.status}.</p>
      ) : (
        <ol className={styles.attempts} reversed>
          {attempts.toReversed().map((attempt) => (
            <AttemptOf key={attempt.number} attempt={attempt} />
          ))}
        </ol>
      )}
    </aside>
  );
}

function AttemptOf({
  attempt: { number, status, startedAt, durationMs, reasons, failure, retryAt },
}: {
  attempt: Attempt;
}) {
  return (
    <li className={styles.attempt}>
      <p className={styles.line}>
        <strong>Attempt {number}</strong>
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
