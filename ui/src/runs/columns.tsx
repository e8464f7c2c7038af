import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { Ago } from "@/shared/ago.tsx";
import { Status } from "@/shared/glyph.tsx";
import { RUN_STANDINGS } from "@/shared/marks.ts";
import type { Column } from "@/shared/table.tsx";
import { about, duration } from "@/shared/times.ts";
import { useNow } from "@/shared/use-now.ts";
import { countsText } from "./counts.ts";
import type { RunRow } from "./documents.ts";
import styles from "./runs.module.css";

/** What lists of runs say of each. */
export const COLUMNS: readonly Column<RunRow>[] = [
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
  { id: "took", title: "Took", width: "84px", align: "end", spare: "last", cell: (run) => <Took {...run} /> },
  { id: "asked", title: "Asked", width: "72px", align: "end", cell: ({ requestedAt }) => <Ago at={requestedAt} /> },
];

function Took({ status, requestedAt, endedAt }: RunRow) {
  const since = new Date(requestedAt).getTime();
  if (endedAt) return duration(new Date(endedAt).getTime() - since);
  return status === "RUNNING" ? <Running since={since} /> : <span className={styles.mute}>–</span>;
}

function Running({ since }: { since: number }) {
  const now = useNow(1_000);
  return about(Math.max(0, now.getTime() - since));
}
