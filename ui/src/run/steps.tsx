import { useMemo } from "react";
import { useChange, useParam } from "@/address/use-address.ts";
import { Button } from "@/shared/button.tsx";
import { Status } from "@/shared/glyph.tsx";
import { counted, whole } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { type Column, Table } from "@/shared/table.tsx";
import { duration } from "@/shared/times.ts";
import type { Critical } from "./critical.ts";
import type { RunOf, StepRow } from "./documents.ts";
import { stepStanding } from "./standing.ts";
import { StepPanel } from "./step-panel.tsx";
import styles from "./steps.module.css";
import { Bar, Ruler, TimeSpan } from "./time-axis.tsx";
import { type Lap, lapOf } from "./time-scale.ts";
import { MOST_STEPS, useSteps } from "./use-steps.ts";
import { useCritical, useTries, useWaiting } from "./use-time.ts";

/** Steps of a run in time; one of them beside that, with its attempts. */
export function Steps({ run }: { run: RunOf }) {
  const asset = useParam("asset");
  const status = useParam("status");
  const chosen = useParam("step");
  const isChain = useParam("path") !== "";
  const change = useChange();
  const list = useSteps(run.id);

  const begin = new Date(run.requestedAt).getTime();
  const end = run.endedAt === null ? null : new Date(run.endedAt).getTime();
  const isWhole = !list.isAwaited && !list.hasMore;
  const chain = useCritical(run, list.rows);
  const tries = useTries(run, list.rows);
  const waiting = useWaiting(run, list.rows, isWhole);
  const all = useMemo(() => (waiting.length > 0 ? [...list.rows, ...waiting] : list.rows), [list.rows, waiting]);
  const columns = useMemo(() => columnsOf({ begin, end, chain, tries }), [begin, end, chain, tries]);
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
  const step =
    all.find(({ number }) => String(number) === chosen) ??
    // of what nobody has begun only the first ones are listed
    (isWhole && /^\d+$/.test(chosen) ? { ...NOT_LISTED, number: Number(chosen) } : null);
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
          <button
            type="button"
            className={styles.chip}
            aria-pressed={isChain}
            title="The steps that the run took as long as: each waited for the one before it"
            onClick={() => change({ path: isChain ? null : "1" }, { step: true })}
          >
            Critical path: {counted(chain.path.size, "step")}
          </button>
        )}
        <span className={styles.mute} role="status">
          {isNarrowed ? `${whole(rows.length)} of ${whole(all.length)}` : ""}
          {list.hasMore && list.rows.length >= MOST_STEPS && ` The first ${whole(MOST_STEPS)} steps are shown.`}
        </span>
      </div>
      {list.problem && <Problem problem={list.problem} again={list.again} />}
      <div className={styles.body}>
        {list.isAwaited && rows.length === 0 ? (
          <div className={styles.list}>
            <Skeleton lines={12} height={33} />
          </div>
        ) : rows.length > 0 ? (
          <div className={styles.list}>
            <TimeSpan begin={begin} end={end}>
              <Table
                label="Steps"
                columns={columns}
                rows={rows}
                keyOf={({ number }) => String(number)}
                open={({ number }) => change({ step: String(number) }, { step: true })}
                isOld={list.isAwaited}
              />
            </TimeSpan>
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
        {step && <StepPanel run={run.id} step={step} close={() => change({ step: null })} />}
      </div>
    </>
  );
}

const NOT_LISTED = { assets: [], partition: "", status: "not begun", attempt: 0, startedAt: null, durationMs: null };

interface InTime {
  begin: number;
  end: number | null;
  chain: Critical;
  tries: ReadonlyMap<number, readonly Lap[]>;
}

const NO_TRIES: readonly Lap[] = [];

function columnsOf({ begin, end, chain, tries }: InTime): readonly Column<StepRow>[] {
  return [
    {
      id: "status",
      title: "Status",
      width: "124px",
      cell: ({ status, attempt }) => (
        <>
          <Status {...stepStanding(status)} />
          {attempt > 1 && <span className={styles.again} title={`attempt ${attempt}`}>{`↻${attempt}`}</span>}
        </>
      ),
    },
    {
      id: "what",
      title: "Step",
      width: "minmax(150px, 3fr)",
      cell: ({ assets, partition, status, number }) => (
        <span title={[assets.join(", "), partition].filter(Boolean).join(" ")}>
          <span className={styles.key}>{assets.join(", ")}</span>{" "}
          <span className={styles.mute}>{partition || (status === "waiting" && `step ${number}`)}</span>
          {chain.path.has(number) && <span className="unseen">, on the critical path</span>}
        </span>
      ),
    },
    {
      id: "took",
      title: "Took",
      width: "84px",
      align: "end",
      spare: "last",
      cell: ({ durationMs }) => (durationMs === null ? "" : duration(durationMs)),
    },
    {
      id: "time",
      title: <Ruler begin={begin} end={end} />,
      width: "minmax(120px, 4fr)",
      spare: "last",
      cell: (step) => (
        <Bar
          lap={lapOf(step, begin)}
          status={step.status}
          ready={chain.ready.has(step.number) ? Math.max(0, chain.ready.get(step.number)! - begin) : null}
          tries={tries.get(step.number) ?? NO_TRIES}
          isCritical={chain.path.has(step.number)}
        />
      ),
    },
  ];
}
