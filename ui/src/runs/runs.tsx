import { useMemo, useState } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useGo, useParam } from "@/address/use-address.ts";
import { iso } from "@/moment/moment.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { usePages } from "@/server/use-pages.ts";
import { Ago } from "@/shared/ago.tsx";
import { Act, Button } from "@/shared/button.tsx";
import { Status } from "@/shared/glyph.tsx";
import { RUN_STANDINGS, type RunState } from "@/shared/marks.ts";
import { counted } from "@/shared/numbers.ts";
import { Empty, PageHead, Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { type Column, Table } from "@/shared/table.tsx";
import { duration, shortly } from "@/shared/times.ts";
import { useNow } from "@/shared/use-now.ts";
import { useSame } from "@/shared/use-same.ts";
import { below } from "./arrivals.ts";
import { countsText } from "./counts.ts";
import { DensityChart } from "./density-chart.tsx";
import { DENSITY, RUN_EVENTS, RUNS, type RunRow } from "./documents.ts";
import { between, STRETCHES, stretch, USUAL, wider } from "./range.ts";
import styles from "./runs.module.css";
import { useRetry } from "./use-retry.ts";

const BUCKETS = 84;
const STATES = Object.keys(RUN_STANDINGS) as RunState[];
const CAN_RETRY: ReadonlySet<RunState> = new Set(["FAILED", "CANCELLED", "INTERRUPTED"]);

const COLUMNS: readonly Column<RunRow>[] = [
  { id: "status", title: "Status", width: "112px", cell: ({ status }) => <Status {...RUN_STANDINGS[status]} /> },
  {
    id: "what",
    title: "What",
    width: "minmax(120px, 3fr)",
    cell: ({ id, selection, partitions }) => (
      <span className={styles.what}>
        <Link to={pathOf("runs", id)} tabIndex={-1} title={selection}>
          {selection === "*" ? "All assets" : selection}
        </Link>
        {partitions && <span>{partitions}</span>}
      </span>
    ),
  },
  {
    id: "counts",
    title: "Steps",
    width: "minmax(120px, 2fr)",
    cell: ({ counts }) => <span className={styles.mute}>{countsText(counts)}</span>,
    spare: "first",
  },
  {
    id: "id",
    title: "Run",
    width: "112px",
    spare: "first",
    cell: ({ id }) => <code className={styles.mute}>{id}</code>,
  },
  {
    id: "actor",
    title: "By",
    width: "minmax(70px, 1fr)",
    spare: "first",
    cell: ({ actor }) => actor.replace(/ \(token .*/, ""),
  },
  { id: "took", title: "Took", width: "72px", align: "end", spare: "last", cell: (run) => <Took {...run} /> },
  { id: "asked", title: "Asked", width: "72px", align: "end", cell: ({ requestedAt }) => <Ago at={requestedAt} /> },
];

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

function Took({ status, requestedAt, endedAt }: RunRow) {
  const since = new Date(requestedAt).getTime();
  if (endedAt) return duration(new Date(endedAt).getTime() - since);
  return status === "RUNNING" ? <Running since={since} /> : <span className={styles.mute}>–</span>;
}

function Running({ since }: { since: number }) {
  const now = useNow(1_000);
  return duration(Math.max(0, Math.floor((now.getTime() - since) / 1000) * 1000));
}
