import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { Glyph } from "@/shared/glyph.tsx";
import { whole } from "@/shared/numbers.ts";
import { type Column, Table } from "@/shared/table.tsx";
import type { Task } from "./documents.ts";
import { ShareBar } from "./share-bar.tsx";
import { shares, standingText } from "./standing.ts";
import styles from "./task-list.module.css";

const COLUMNS: readonly Column<Task>[] = [
  {
    id: "assets",
    title: "Asset",
    width: "minmax(150px, 2fr)",
    cell: (task) => (
      <span className={styles.what}>
        <Glyph mark={shares([task])[0]?.mark ?? "missing"} />
        <span className={styles.keys} title={task.assets.join(", ")}>
          {task.assets.map((key, n) => (
            <span key={key}>
              {n > 0 && ", "}
              <Link to={pathOf("assets", key)} tabIndex={-1}>
                {key}
              </Link>
            </span>
          ))}
        </span>
      </span>
    ),
  },
  {
    id: "steps",
    title: "Steps",
    width: "60px",
    align: "end",
    cell: ({ ended, total }) => (ended === total ? whole(total) : `${whole(ended)} / ${whole(total)}`),
  },
  {
    id: "bar",
    title: "",
    width: "minmax(70px, 1fr)",
    cell: (task) => <ShareBar shares={shares([task])} />,
    spare: "last",
  },
  {
    id: "standing",
    title: "How they stand",
    width: "minmax(88px, 3fr)",
    cell: (task) => (
      <span className={styles.mute} title={standingText(task)}>
        {standingText(task)}
      </span>
    ),
  },
];

/** A run by what it makes, in the order of its plan. */
export function TaskList({ tasks, open }: { tasks: readonly Task[]; open(task: Task): void }) {
  return (
    <Table label="Steps by asset" columns={COLUMNS} rows={tasks} keyOf={({ assets }) => assets.join(" ")} open={open} />
  );
}
