import { useAnswer } from "@/server/use-answer.ts";
import { valueText } from "@/shared/json.ts";
import { counted, whole } from "@/shared/numbers.ts";
import { Empty, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { SAMPLE, type Sampled } from "./asset-documents.ts";
import styles from "./sample.module.css";

/** A little of what the head of a partition holds; another head is another one of these. */
export function Sample({ asset, partition }: { asset: string; partition: string }) {
  const { data, problem, isAwaited, again } = useAnswer(SAMPLE, { key: asset, partition });
  const found = data?.project.environment.asset.head;
  return (
    <Panel title="What it holds">
      {problem && <Problem problem={problem} again={again} />}
      {found && !isAwaited ? <Held of={found} /> : !problem && <Skeleton lines={8} />}
    </Panel>
  );
}

/** Rows or what else it holds; its columns where no rows of it can be shown. */
export function Held({ of: { sample, columns } }: { of: Pick<Sampled, "sample" | "columns"> }) {
  switch (sample.__typename) {
    case "RowsSample":
      return <Rows columns={sample.columns} rows={sample.rows as unknown[][]} total={sample.total} />;
    case "DocumentSample":
      return <pre className={styles.document}>{JSON.stringify(sample.value, null, 2)}</pre>;
    case "ArraySample":
      return (
        <pre className={styles.document}>
          {`${sample.dtype} ${sample.shape.join(" × ")}\n${JSON.stringify(sample.entries)}`}
        </pre>
      );
    default:
      if (columns.nodes.length > 0) return <Rows columns={columns.nodes} rows={[]} total={0} said={sample.message} />;
      return <Empty title={sample.message} />;
  }
}

interface RowsProps {
  columns: readonly { name: string; type: string }[];
  rows: readonly (readonly unknown[])[];
  total: number;
  said?: string;
}

function Rows({ columns, rows, total, said }: RowsProps) {
  const isNumber = columns.map((_, n) => rows.every((row) => row[n] === null || typeof row[n] === "number"));
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who has no pointer scrolls it by keys */}
      <div className={styles.scroll} role="region" aria-label="Rows" tabIndex={0}>
        <table className={styles.table}>
          <thead>
            <tr>
              {columns.map(({ name, type }, n) => (
                <th key={name} scope="col" data-number={isNumber[n] || undefined}>
                  {name}
                  <span>{type}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, n) => (
              <tr key={n}>
                {row.map((value, at) => (
                  <td key={at} data-number={isNumber[at] || undefined} data-none={value === null || undefined}>
                    {valueText(value)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={styles.total}>
        {said ??
          (rows.length < total ? `The first ${whole(rows.length)} of ${counted(total, "row")}` : counted(total, "row"))}
        {` · ${counted(columns.length, "column")}`}
      </p>
    </>
  );
}
