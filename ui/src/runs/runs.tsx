import { useMemo, useState } from "react";
import { pathOf } from "@/address/address.ts";
import { useChange, useGo, useParam } from "@/address/use-address.ts";
import { iso } from "@/moment/moment.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { usePages } from "@/server/use-pages.ts";
import { Act, Button } from "@/shared/button.tsx";
import { RUN_STANDINGS, type RunState } from "@/shared/marks.ts";
import { counted } from "@/shared/numbers.ts";
import { Empty, PageHead, Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { Table } from "@/shared/table.tsx";
import { shortly } from "@/shared/times.ts";
import { useNow } from "@/shared/use-now.ts";
import { useSame } from "@/shared/use-same.ts";
import { below } from "./arrivals.ts";
import { COLUMNS } from "./columns.tsx";
import { DensityChart } from "./density-chart.tsx";
import { DENSITY, RUN_EVENTS, RUNS } from "./documents.ts";
import { between, STRETCHES, stretch, USUAL, wider } from "./range.ts";
import styles from "./runs.module.css";
import { useRetry } from "./use-retry.ts";

const BUCKETS = 84;
const STATES = Object.keys(RUN_STANDINGS) as RunState[];
const CAN_RETRY: ReadonlySet<RunState> = new Set(["FAILED", "CANCELLED", "INTERRUPTED"]);

/** Runs, the newest first, as they come; by status and by time. */
export default function Runs() {
  const status = useParam("status").toUpperCase();
  const stretchName = useParam("in") || USUAL;
  const from = useParam("from");
  const to = useParam("to");
  const change = useChange();
  const go = useGo();
  const retry = useRetry();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [first, setFirst] = useState<string | null>(null);

  const now = useNow(30_000);
  const range = useSame(stretch(stretchName, now, BUCKETS));
  const chosen = useMemo(() => between(from, to), [from, to]);
  const asked = {
    status: STATES.find((state) => state === status) ?? null,
    since: iso(chosen?.since ?? range.since),
    until: chosen ? iso(chosen.until) : null,
  };
  const list = usePages(RUNS, asked, ({ project }) => project.runs, { on: RUN_EVENTS });
  const density = useAnswer(
    DENSITY,
    { since: iso(range.since), until: iso(range.until), buckets: BUCKETS },
    { on: RUN_EVENTS },
  );
  const { rows, waiting } = below(list.rows, first, ({ id }) => id);

  const again = rows.filter((run) => selected.has(run.id) && CAN_RETRY.has(run.status));
  const isNarrowed = asked.status !== null || chosen !== null;
  const clear = () => change({ status: null, from: null, to: null }, { step: true });
  const next = wider(stretchName);

  return (
    <div className={styles.page}>
      <PageHead
        title="Runs"
        actions={
          <Act
            needs="OPERATOR"
            primary
            disabled={again.length === 0}
            title={again.length === 0 ? "Select runs that failed, were cancelled or interrupted (x)" : undefined}
            onClick={() => {
              void retry(again);
              setSelected(new Set());
            }}
          >
            {again.length > 1 ? `Retry ${again.length} runs` : "Retry"}
          </Act>
        }
      >
        <span className="figures" role="status">
          {list.total !== null && counted(list.total, "run")}
        </span>
      </PageHead>
      <div className={styles.tools}>
        <Select
          label="Status"
          value={asked.status ?? ""}
          change={(value) => change({ status: value.toLowerCase() || null }, { step: true })}
          options={[["", "Any status"], ...STATES.map((state): [string, string] => [state, RUN_STANDINGS[state].word])]}
        />
        <Select
          label="Time"
          value={stretchName}
          change={(value) => change({ in: value === USUAL ? null : value, from: null, to: null }, { step: true })}
          options={STRETCHES.map(({ name, label }): [string, string] => [name, label])}
        />
        {chosen && (
          <Button quiet icon="close" onClick={() => change({ from: null, to: null }, { step: true })}>
            {shortly(chosen.since)} – {shortly(chosen.until)}
          </Button>
        )}
      </div>
      <DensityChart
        density={density.data?.project.runDensity ?? null}
        range={range}
        buckets={BUCKETS}
        chosen={chosen}
        choose={(part) => change({ from: part && iso(part.since), to: part && iso(part.until) }, { step: true })}
      />
      <section className={styles.list} aria-label="Runs">
        {list.problem && <Problem problem={list.problem} again={list.again} />}
        {list.isAwaited && rows.length === 0 ? (
          <Skeleton lines={12} height={33} />
        ) : rows.length > 0 ? (
          <Table
            label="Runs"
            columns={COLUMNS}
            rows={rows}
            keyOf={({ id }) => id}
            total={list.total}
            more={list.more}
            open={({ id }) => go(pathOf("runs", id))}
            selected={selected}
            select={(key) => setSelected((before) => toggledSet(before, key))}
            isOld={list.isAwaited}
            over={
              waiting > 0 && (
                <button type="button" className={styles.new} onClick={() => setFirst(list.rows[0]?.id ?? null)}>
                  {counted(waiting, "new run")}
                </button>
              )
            }
            busy={(is) => setFirst(is ? (rows[0]?.id ?? null) : null)}
          />
        ) : (
          !list.problem && (
            <Empty title="No runs in this time">
              {isNarrowed ? (
                <Button onClick={clear}>Clear the filter</Button>
              ) : (
                next && <Button onClick={() => change({ in: next }, { step: true })}>Look further back</Button>
              )}
            </Empty>
          )
        )}
      </section>
    </div>
  );
}

function toggledSet(before: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const after = new Set(before);
  if (!after.delete(key)) after.add(key);
  return after;
}
