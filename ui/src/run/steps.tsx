import { useMemo } from "react";
import { useChange, useParam } from "@/address/use-address.ts";
import { Button } from "@/shared/button.tsx";
import { Status } from "@/shared/glyph.tsx";
import { whole } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { type Column, Table } from "@/shared/table.tsx";
import { duration } from "@/shared/times.ts";
import type { RunOf, StepRow } from "./documents.ts";
import { stepStanding } from "./standing.ts";
import { StepPanel } from "./step-panel.tsx";
import styles from "./steps.module.css";
import { Bar, Ruler, TimeSpan } from "./time-axis.tsx";
import { lapOf } from "./time-scale.ts";
import { MOST_STEPS, useSteps } from "./use-steps.ts";

/** Steps of a run in time; one of them beside that, with its attempts. */
export function Steps({ run }: { run: RunOf }) {
  const asset = useParam("asset");
  const status = useParam("status");
  const chosen = useParam("step");
  const change = useChange();
  const list = useSteps(run.id);

  const begin = new Date(run.requestedAt).getTime();
  const end = run.endedAt === null ? null : new Date(run.endedAt).getTime();
  const columns = useMemo(() => columnsOf(begin, end), [begin, end]);
  const words = useMemo(() => [...new Set(list.rows.map((row) => row.status))].sort(), [list.rows]);
  const rows = useMemo(
    () => list.rows.filter((row) => (!asset || row.assets.includes(asset)) && (!status || row.status === status)),
    [list.rows, asset, status],
  );
  const step = list.rows.find(({ number }) => String(number) === chosen);

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
        <span className={styles.mute} role="status">
          {asset || status ? `${whole(rows.length)} of ${whole(list.rows.length)}` : ""}
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
              <Empty title={asset || status ? "No such steps" : "No step has begun yet"}>
                {(asset || status) && (
                  <Button onClick={() => change({ asset: null, status: null }, { step: true })}>Show all</Button>
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

function columnsOf(begin: number, end: number | null): readonly Column<StepRow>[] {
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
      cell: ({ assets, partition }) => (
        <span title={[assets.join(", "), partition].filter(Boolean).join(" ")}>
          <span className={styles.key}>{assets.join(", ")}</span> <span className={styles.mute}>{partition}</span>
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
      cell: (step) => <Bar lap={lapOf(step, begin)} status={step.status} />,
    },
  ];
}
