import type { ReactNode } from "react";
import { Glyph, Status } from "@/shared/glyph.tsx";
import { Icon } from "@/shared/icon.tsx";
import { counted, whole } from "@/shared/numbers.ts";
import type { Column } from "@/shared/table.tsx";
import { duration } from "@/shared/times.ts";
import type { Critical } from "./critical.ts";
import type { StepRow } from "./documents.ts";
import { attemptKey, type GanttRow, type GroupRow, isGroup } from "./gantt.ts";
import { stepStanding } from "./standing.ts";
import styles from "./steps.module.css";
import { Bar, GroupBar, Ruler } from "./time-axis.tsx";
import { lapOf, type Try } from "./time-scale.ts";

interface InTime {
  begin: number;
  end: number | null;
  chain: Critical;
  /** By step and attempt. */
  jobs: ReadonlyMap<string, number | null>;
  tries: ReadonlyMap<number, readonly Try[]>;
  choose(step: number, attempt: number): void;
  toggle(group: string): void;
}

const NO_TRIES: readonly Try[] = [];

export function columnsOf({ begin, end, chain, jobs, tries, choose, toggle }: InTime): readonly Column<GanttRow>[] {
  return [
    {
      id: "status",
      title: "Status",
      width: "124px",
      cell: either(
        ({ shares: [worst] }) => worst && <Status mark={worst.mark} word={worst.status} />,
        ({ status, attempt }) => (
          <>
            <Status {...stepStanding(status)} />
            {attempt > 1 && <span className={styles.again} title={`attempt ${attempt}`}>{`↻${attempt}`}</span>}
          </>
        ),
      ),
    },
    {
      id: "what",
      title: "Step",
      width: "minmax(150px, 3fr)",
      cell: either(
        (row) => <GroupName row={row} toggle={toggle} />,
        ({ assets, partition, status, number }) => (
          <span title={[assets.join(", "), partition].filter(Boolean).join(" ")}>
            <span className={styles.key}>{assets.join(", ")}</span>{" "}
            <span className={styles.mute}>{partition || (status === "waiting" && `step ${number}`)}</span>
            {chain.path.has(number) && <span className="unseen">, on the critical path</span>}
          </span>
        ),
      ),
    },
    {
      id: "took",
      title: "Took",
      width: "84px",
      align: "end",
      spare: "last",
      cell: either(
        ({ lap }) => lap?.took != null && <span className={styles.mute}>{duration(lap.took)}</span>,
        ({ durationMs }) => (durationMs === null ? "" : duration(durationMs)),
      ),
    },
    {
      id: "time",
      title: <Ruler begin={begin} end={end} />,
      width: "minmax(120px, 4fr)",
      spare: "last",
      cell: either(
        ({ lap }) => <GroupBar lap={lap} />,
        (step) => (
          <Bar
            lap={lapOf(step, begin)}
            status={step.status}
            ready={chain.ready.has(step.number) ? Math.max(0, chain.ready.get(step.number)! - begin) : null}
            handed={jobs.get(attemptKey(step.number, step.attempt))}
            tries={tries.get(step.number) ?? NO_TRIES}
            isCritical={chain.path.has(step.number)}
            choose={(attempt) => choose(step.number, attempt)}
          />
        ),
      ),
    },
  ];
}

function either(group: (row: GroupRow) => ReactNode, step: (row: StepRow) => ReactNode) {
  return (row: GanttRow) => (isGroup(row) ? group(row) : step(row));
}

/** A group with how many of its steps stand how; open, or closed. */
function GroupName({ row: { group, steps, shares, isOpen }, toggle }: { row: GroupRow; toggle(group: string): void }) {
  return (
    <button type="button" className={styles.group} tabIndex={-1} aria-expanded={isOpen} onClick={() => toggle(group)}>
      <Icon name={isOpen ? "down" : "right"} size={13} />
      <span className={styles.name}>{group || "no group"}</span>
      <span className={styles.shares}>
        {shares.length === 1
          ? counted(steps, "step")
          : shares.map(({ status, mark, count }) => (
              <span key={status} className={styles.share} title={status}>
                <Glyph mark={mark} size={10} /> {whole(count)}
                <span className="unseen"> {status}</span>
              </span>
            ))}
      </span>
    </button>
  );
}
