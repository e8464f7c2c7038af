import { useMemo } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useParam } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { counted } from "@/shared/numbers.ts";
import { Empty, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { SearchField } from "@/shared/search-field.tsx";
import { type Step, stepsOf } from "./changes.ts";
import styles from "./columns.module.css";
import { COLUMNS, type VersionColumns } from "./documents.ts";

/** The columns that the newest version has, and what became of them in those before. */
export default function Columns({ asset, isPartitioned }: { asset: string; isPartitioned: boolean }) {
  const partition = useParam("partition");
  const change = useChange();
  const { data, problem, isAwaited, again } = useAnswer(
    COLUMNS,
    { key: asset, partition: partition || null },
    { on: ASSET_EVENTS },
  );
  const found = isAwaited ? null : data?.project.environment.asset.versions;
  return (
    <div className={styles.page}>
      {isPartitioned && (
        <SearchField
          label="Partition"
          placeholder="Of one partition, as in 2026-01-05"
          text={partition}
          change={(text) => change({ partition: text.trim() || null })}
        />
      )}
      {problem && <Problem problem={problem} again={again} />}
      {found ? <Shown asset={asset} versions={found.nodes} /> : !problem && <Skeleton lines={10} />}
    </div>
  );
}

function Shown({ asset, versions }: { asset: string; versions: readonly VersionColumns[] }) {
  const steps = useMemo(() => stepsOf(versions), [versions]);
  const newest = versions[0];
  if (!newest) return <Empty title="There is no version of it" />;
  const { nodes, leftOut } = newest.columns;
  if (nodes.length === 0) return <Empty title="It has no columns: it is no table" />;
  return (
    <div className={styles.beside}>
      <Panel
        title={counted(nodes.length + leftOut, "column")}
        actions={
          <span className={styles.of}>
            {newest.partition} made <Ago at={newest.madeAt} />
          </span>
        }
      >
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Type</th>
              <th scope="col">Null</th>
              <th scope="col">Changed</th>
            </tr>
          </thead>
          <tbody>
            {nodes.map(({ name, type, nullable }) => {
              const step = steps.find(({ changes }) => changes.some((one) => one.name === name));
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>
                    <code>{type}</code>
                  </td>
                  <td>{nullable ? "may be" : "never"}</td>
                  <td>{step ? <Ago at={step.after.madeAt} /> : "–"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
        {leftOut > 0 && <p className={styles.note}>{counted(leftOut, "more", "more")}, which are not shown</p>}
      </Panel>
      <Panel title="Changes">
        {steps.map((step) => (
          <Changed key={step.after.id} asset={asset} step={step} />
        ))}
        <p className={styles.note}>
          {steps.length === 0 ? "The same" : "Otherwise the same"} in{" "}
          {versions.length === 1 ? "the one version there is" : `the last ${counted(versions.length, "version")}`}
        </p>
      </Panel>
    </div>
  );
}

/** What a version has otherwise than the one before it. */
function Changed({ asset, step: { before, after, changes } }: { asset: string; step: Step<VersionColumns> }) {
  return (
    <div className={styles.step}>
      <Link to={pathOf("assets", asset)} params={{ tab: "versions", a: before.id, b: after.id }}>
        {after.partition} <Ago at={after.madeAt} />
      </Link>
      <ul>
        {changes.map(({ name, before, after }) => (
          <li key={name}>
            <span aria-hidden="true">{before === null ? "+" : after === null ? "−" : "~"}</span> <b>{name}</b>{" "}
            <code>{before === null ? after : after === null ? "is gone" : `${before} → ${after}`}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}
