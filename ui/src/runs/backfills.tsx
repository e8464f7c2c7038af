import { useEffect, useMemo } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useGo } from "@/address/use-address.ts";
import { STEP_EVENTS } from "@/run/documents.ts";
import { usePages } from "@/server/use-pages.ts";
import { counted, whole } from "@/shared/numbers.ts";
import { Empty, PageHead, Problem, Skeleton } from "@/shared/panels.tsx";
import { type Column, Table } from "@/shared/table.tsx";
import styles from "./backfills.module.css";
import { COLUMNS as OF_RUNS } from "./columns.tsx";
import { countsText } from "./counts.ts";
import { BACKFILLS, type BackfillRow, RUN_EVENTS } from "./documents.ts";

/** So many are as many as are looked for by themselves, among so many runs. */
const ENOUGH = 60;
const MOST_LOOKED_AT = 2_000;

const PROGRESS: Column<BackfillRow> = {
  id: "progress",
  title: "How far",
  width: "minmax(104px, 2fr)",
  spare: "last",
  cell: ({ progress, counts }) =>
    progress && progress.total > 0 ? (
      <span className={styles.progress}>
        <span aria-hidden="true">
          <i style={{ width: `${(progress.ended / progress.total) * 100}%` }} />
        </span>
        {whole(progress.ended)} / {whole(progress.total)}
      </span>
    ) : (
      <span className={styles.mute}>{countsText(counts)}</span>
    ),
};
const WHAT: Column<BackfillRow> = {
  id: "what",
  title: "What",
  width: "minmax(160px, 3fr)",
  cell: ({ id, selection, partitions }) => (
    <span className={styles.what}>
      <Link to={pathOf("backfills", id)} tabIndex={-1} title={selection}>
        {selection === "*" ? "All assets" : selection}
      </Link>
      <span title={partitions}>{partitions}</span>
    </span>
  ),
};
const COLUMNS = OF_RUNS.map(
  (column): Column<BackfillRow> => (column.id === "what" ? WHAT : column.id === "counts" ? PROGRESS : column),
);

/** Runs of chosen partitions, the newest first, and how far each is. */
export default function Backfills() {
  const go = useGo();
  const list = usePages(BACKFILLS, {}, ({ project }) => project.runs, { on: [...RUN_EVENTS, ...STEP_EVENTS] });
  const rows = useMemo(() => list.rows.filter(({ partitions }) => partitions !== ""), [list.rows]);
  const { hasMore, isAwaited, problem, more } = list;
  const looks = hasMore && !isAwaited && !problem && rows.length < ENOUGH && list.rows.length < MOST_LOOKED_AT;
  // biome-ignore lint/correctness/useExhaustiveDependencies: after each page that has come
  useEffect(() => {
    if (looks) more();
  }, [looks, more, list.rows.length]);
  return (
    <div className={styles.page}>
      <PageHead title="Backfills">
        <span className="figures" role="status">
          {!isAwaited && `${counted(rows.length, "run")} of partitions`}
          {hasMore && !looks && ` among the last ${whole(list.rows.length)}`}
        </span>
      </PageHead>
      {problem && <Problem problem={problem} again={list.again} />}
      {rows.length > 0 ? (
        <Table
          label="Backfills"
          columns={COLUMNS}
          rows={rows}
          keyOf={({ id }) => id}
          more={more}
          open={({ id }) => go(pathOf("backfills", id))}
          isOld={isAwaited}
        />
      ) : isAwaited || looks ? (
        <Skeleton lines={12} height={33} />
      ) : (
        !problem && (
          <Empty title="No partitions were asked for yet">
            <p>
              Choose some on the page of an asset that has partitions, and materialize them; <kbd>b</kbd> there asks for
              those that are missing.
            </p>
            <Link to="/assets">All assets</Link>
          </Empty>
        )
      )}
    </div>
  );
}
