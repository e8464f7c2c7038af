import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useView } from "@/address/use-address.ts";
import { Sentence } from "@/log/sentence.tsx";
import { carryOut } from "@/server/carry-out.ts";
import { useProject } from "@/server/project.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Act } from "@/shared/button.tsx";
import { Status } from "@/shared/glyph.tsx";
import { counted } from "@/shared/numbers.ts";
import { Empty, PageHead, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { toast } from "@/shell/toasts.ts";
import styles from "./automations.module.css";
import { AUTOMATION_EVENTS, AUTOMATIONS, type AutomationNow, SWITCH } from "./documents.ts";
import { when } from "./when.ts";

const SAMPLE = `from latewood.automation import Schedule

nightly = Schedule("nightly", "*", "0 5 * * *")`;

/** What runs, looks and tells by itself: whether it is on, when, and what last came of it. */
export default function Automations() {
  const { data, problem, again } = useAnswer(AUTOMATIONS, {}, { on: AUTOMATION_EVENTS });
  const found = data?.project.environment.automations;
  return (
    <div className={styles.page}>
      <PageHead title="Automations">
        <span className="figures" role="status">
          {found && found.length > 0 && `${found.filter(({ isOn }) => isOn).length} of ${found.length} on`}
        </span>
      </PageHead>
      {problem && <Problem problem={problem} again={again} />}
      {!found && !problem && <Skeleton lines={6} height={88} />}
      {found?.length === 0 && (
        <Empty title="No automations">
          <p>
            A schedule, a rule, a sensor or a policy of freshness stands in the file of the assets that it is about:
          </p>
          <pre className={styles.sample}>{SAMPLE}</pre>
        </Empty>
      )}
      <div className={styles.all}>
        {found?.map((one) => (
          <One key={`${one.location}:${one.name}`} of={one} again={again} />
        ))}
      </div>
    </div>
  );
}

function One({ of, again }: { of: AutomationNow; again(): void }) {
  const { name, location, kind, details, description, selection, isOn, problem, evaluatedUpto, lastRun, evaluations } =
    of;
  const turn = useSwitch(again);
  const full = `${location}:${name}`;
  return (
    <Panel
      title={name}
      actions={
        <Act needs="OPERATOR" aria-label={`Turn ${isOn ? "off" : "on"} ${name}`} onClick={() => void turn(full, !isOn)}>
          Turn {isOn ? "off" : "on"}
        </Act>
      }
    >
      <div className={styles.said}>
        <Status {...(problem ? FAILING : isOn ? ON : OFF)} />
        <span>
          {kind.toLowerCase()} {when(details)}
        </span>
        {selection && (
          <span>
            of{" "}
            <Link to="/assets" params={{ q: selection }}>
              {selection === "*" ? "all assets" : selection}
            </Link>
          </span>
        )}
        <span className={styles.mute}>{location}</span>
        {evaluatedUpto && (
          <span className={styles.mute}>
            looked at <Ago at={evaluatedUpto} />
          </span>
        )}
        {lastRun && (
          <span className={styles.mute}>
            last run <Link to={pathOf("runs", lastRun)}>{lastRun}</Link>
          </span>
        )}
      </div>
      {description && <p className={styles.description}>{description}</p>}
      {problem && <pre className={styles.problem}>{problem}</pre>}
      {evaluations.length > 0 && (
        <details className={styles.decisions}>
          <summary>{counted(evaluations.length, "last decision")}</summary>
          <ul>
            {evaluations.map((event) => (
              <li key={event.position}>
                <Sentence of={event} />
                <Ago at={event.occurredAt} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}

const ON = { mark: "fresh", word: "on" } as const;
const OFF = { mark: "missing", word: "off" } as const;
const FAILING = { mark: "failed", word: "failing" } as const;

/** Turns one on or off; that can be undone. */
function useSwitch(again: () => void): (name: string, on: boolean) => Promise<void> {
  const project = useProject();
  const { environment } = useView();
  return async function turn(name, on) {
    const asked = { project, environment, name, on };
    const done = await carryOut(SWITCH, asked, (data) => data.switchAutomation, "AutomationSwitched");
    if (!done) return;
    again();
    toast(`${done.name} is ${done.isOn ? "on" : "off"}`, done.changed ? { undo: () => void turn(name, !on) } : {});
  };
}
