import { ASSET_EVENTS } from "@/assets/documents.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Status } from "@/shared/glyph.tsx";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { type Column, Table } from "@/shared/table.tsx";
import styles from "./checks.module.css";
import { VERDICTS, type Verdict } from "./documents.ts";
import { saidBy, standing, unheard } from "./verdicts.ts";

const COLUMNS: readonly Column<Verdict>[] = [
  { id: "verdict", title: "Verdict", width: "92px", cell: (verdict) => <Status {...standing(verdict)} /> },
  {
    id: "check",
    title: "Check",
    width: "minmax(140px, 1.4fr)",
    cell: ({ checkName, blocking }) => (
      <span title={checkName}>
        {checkName}
        {blocking && <span className={styles.mute}> blocking</span>}
      </span>
    ),
  },
  {
    id: "partition",
    title: "Partition",
    width: "minmax(90px, 1fr)",
    spare: "last",
    cell: ({ partition }) => partition,
  },
  {
    id: "said",
    title: "Said",
    width: "minmax(140px, 3fr)",
    spare: "last",
    cell: (verdict) => (
      <span className={styles.mute} title={saidBy(verdict)}>
        {saidBy(verdict)}
      </span>
    ),
  },
  {
    id: "version",
    title: "Version",
    width: "minmax(120px, 1fr)",
    spare: "first",
    cell: ({ version }) => <code>{version}</code>,
  },
  { id: "when", title: "Judged", width: "72px", align: "end", cell: ({ evaluatedAt }) => <Ago at={evaluatedAt} /> },
];

/** What checks said of its versions, the latest first. */
export default function Checks({ asset, declared }: { asset: string; declared: readonly { name: string }[] }) {
  const { data, problem, isAwaited, again } = useAnswer(VERDICTS, { key: asset }, { on: ASSET_EVENTS });
  const verdicts = data?.project.environment.asset.verdicts ?? [];
  const silent = isAwaited || problem ? [] : unheard(declared, verdicts);
  return (
    <section className={styles.list} aria-label="Checks">
      {problem && <Problem problem={problem} again={again} />}
      {silent.length > 0 && <p className={styles.silent}>Has judged nothing yet: {silent.join(", ")}</p>}
      {verdicts.length > 0 ? (
        <Table
          label="Verdicts"
          columns={COLUMNS}
          rows={verdicts}
          keyOf={({ checkName, position, partition }) => `${position} ${checkName} ${partition}`}
          isOld={isAwaited}
        />
      ) : isAwaited ? (
        <Skeleton lines={8} height={33} />
      ) : (
        !problem && <Empty title="No version was judged yet" />
      )}
    </section>
  );
}
