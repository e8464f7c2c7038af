import { useMemo } from "react";
import { useChange, useParam } from "@/address/use-address.ts";
import { Button } from "@/shared/button.tsx";
import { counted, whole } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { Table } from "@/shared/table.tsx";
import { Toggle } from "@/shared/toggle.tsx";
import type { RunOf } from "./documents.ts";
import { closedIn, inGroups, isGroup, rowKey, withClosed, withStarting } from "./gantt.ts";
import { Logs } from "./logs.tsx";
import { columnsOf } from "./step-columns.tsx";
import { StepPanel } from "./step-panel.tsx";
import styles from "./steps.module.css";
import { TimeSpan } from "./time-axis.tsx";
import { MOST_STEPS, useSteps } from "./use-steps.ts";
import { useJobs, useKnown, useTries, useWaiting } from "./use-time.ts";

/** Steps of a run in time; one of them beside that, with its attempts, and what it printed below. */
export function Steps({ run }: { run: RunOf }) {
  const asset = useParam("asset");
  const status = useParam("status");
  const chosen = useParam("step");
  const isChain = useParam("path") !== "";
  const closing = useParam("closed");
  const change = useChange();
  const list = useSteps(run.id);

  const begin = new Date(run.requestedAt).getTime();
  const end = run.endedAt === null ? null : new Date(run.endedAt).getTime();
  const isWhole = !list.isAwaited && !list.hasMore;
  const { chain, groupOf, hasJobs, isAwaited } = useKnown(run, list.rows);
  const jobs = useJobs(run, hasJobs);
  const tries = useTries(run, list.rows);
  const waiting = useWaiting(run, list.rows, isWhole);
  const all = useMemo(() => withStarting([...list.rows, ...waiting], jobs), [list.rows, waiting, jobs]);
  const words = useMemo(() => [...new Set(all.map((row) => row.status))].sort(), [all]);
  const rows = useMemo(
    () =>
      all.filter(
        (row) =>
          (!asset || row.assets.includes(asset)) &&
          (!status || row.status === status) &&
          (!isChain || chain.path.has(row.number)),
      ),
    [all, asset, status, isChain, chain],
  );
  const closed = useMemo(() => closedIn(closing), [closing]);
  const shown = useMemo(() => inGroups(rows, groupOf, closed, begin), [rows, groupOf, closed, begin]);
  const step =
    all.find(({ number }) => String(number) === chosen) ??
    // of what nobody has begun only the first ones are listed
    (isWhole && /^\d+$/.test(chosen) ? { ...NOT_LISTED, number: Number(chosen) } : null);
  /** What was looked for in the lines of one is not in those of another. */
  const choose = (number: number, attempt?: number) =>
    change(
      { step: String(number), try: attempt ? String(attempt) : null, q: null, line: null, level: null },
      { step: true },
    );
  const toggle = (group: string) => change({ closed: withClosed(closed, group) });
  const columns = columnsOf({ begin, end, chain, jobs, tries, choose, toggle });
  const isNarrowed = asset !== "" || status !== "" || isChain;

  return (
    <>
      <div className={styles.tools}>
        <Select
          label="Status"
          value={status}
          change={(value) => change({ status: value || null }, { step: true })}
          options={[["", "Any status"], ...words.map((word): [string, string] => [word, word])]}
        />
        {asset && (
          <Button quiet icon="close" onClick={() => change({ asset: null }, { step: true })}>
            {asset}
          </Button>
        )}
        {(chain.path.size > 1 || isChain) && (
          <Toggle
            isOn={isChain}
            title="The steps that the run took as long as: each waited for the one before it"
            turn={() => change({ path: isChain ? null : "1" }, { step: true })}
          >
            Critical path: {counted(chain.path.size, "step")}
          </Toggle>
        )}
        <span className={styles.mute} role="status">
          {isNarrowed ? `${whole(rows.length)} of ${whole(all.length)}` : ""}
          {list.hasMore && list.rows.length >= MOST_STEPS && ` The first ${whole(MOST_STEPS)} steps are shown.`}
        </span>
      </div>
      {list.problem && <Problem problem={list.problem} again={list.again} />}
      <div className={styles.body}>
        {(list.isAwaited && rows.length === 0) || isAwaited ? (
          <div className={styles.list}>
            <Skeleton lines={12} height={33} />
          </div>
        ) : rows.length > 0 ? (
          <div className={styles.list}>
            <TimeSpan begin={begin} end={end}>
              <Table
                label="Steps"
                columns={columns}
                rows={shown}
                keyOf={rowKey}
                open={(row) => (isGroup(row) ? toggle(row.group) : choose(row.number))}
                current={chosen}
                isOld={list.isAwaited}
              />
            </TimeSpan>
            {step && step.attempt > 0 && (
              <section className={styles.logs} aria-label="What it printed">
                <Logs key={step.number} run={run} of={step.number} />
              </section>
            )}
          </div>
        ) : (
          !list.problem && (
            <div className={styles.list}>
              <Empty title={isNarrowed ? "No such steps" : "No step has begun yet"}>
                {isNarrowed && (
                  <Button onClick={() => change({ asset: null, status: null, path: null }, { step: true })}>
                    Show all
                  </Button>
                )}
              </Empty>
            </div>
          )
        )}
        {step && (
          <StepPanel run={run.id} step={step} close={() => change({ step: null, try: null, q: null, line: null })} />
        )}
      </div>
    </>
  );
}

const NOT_LISTED = { assets: [], partition: "", status: "not begun", attempt: 0, startedAt: null, durationMs: null };
