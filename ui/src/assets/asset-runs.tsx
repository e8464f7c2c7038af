import { pathOf } from "@/address/address.ts";
import { useGo } from "@/address/use-address.ts";
import { COLUMNS } from "@/runs/columns.tsx";
import { RUN_EVENTS } from "@/runs/documents.ts";
import { usePages } from "@/server/use-pages.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { Table } from "@/shared/table.tsx";
import styles from "./asset.module.css";
import { ASSET_RUNS } from "./asset-documents.ts";

/** The runs that plan steps of it, the newest first. */
export default function AssetRuns({ asset }: { asset: string }) {
  const go = useGo();
  const list = usePages(ASSET_RUNS, { key: asset }, ({ project }) => project.environment.asset.runs, {
    on: RUN_EVENTS,
  });
  return (
    <section className={styles.list} aria-label="Runs">
      {list.problem && <Problem problem={list.problem} again={list.again} />}
      {list.isAwaited && list.rows.length === 0 ? (
        <Skeleton lines={8} height={33} />
      ) : list.rows.length > 0 ? (
        <Table
          label="Runs"
          columns={COLUMNS}
          rows={list.rows}
          keyOf={({ id }) => id}
          total={list.total}
          more={list.more}
          open={({ id }) => go(pathOf("runs", id))}
          isOld={list.isAwaited}
        />
      ) : (
        !list.problem && <Empty title="No run has planned anything of it" />
      )}
    </section>
  );
}
