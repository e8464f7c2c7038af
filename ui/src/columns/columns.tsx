import { type ReactNode, useMemo } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useParam } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Button } from "@/shared/button.tsx";
import { counted } from "@/shared/numbers.ts";
import { Empty, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { SearchField } from "@/shared/search-field.tsx";
import { type Era, erasOf, goneOf, type Step, stepsOf } from "./changes.ts";
import { ColumnGraph } from "./column-graph.tsx";
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
  const opened = useParam("column");
  const change = useChange();
  const steps = useMemo(() => stepsOf(versions), [versions]);
  const gone = useMemo(() => goneOf(versions), [versions]);
  const newest = versions[0];
  if (!newest) return <Empty title="There is no version of it" />;
  const { nodes, leftOut } = newest.columns;
  if (nodes.length === 0 && gone.length === 0) return <Empty title="It has no columns: it is no table" />;
  const open = (name: string) => change({ column: name === opened ? null : name }, { step: true });
  return (
    <div className={styles.beside} data-open={opened ? "" : undefined}>
      <Panel
        title={counted(nodes.length + leftOut, "column")}
        actions={
          <span className={styles.of}>
            {newest.partition} made <Ago at={newest.madeAt} said />
          </span>
        }
      >
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Type</th>
              <th scope="col">Null</th>
              {steps.length > 0 && (
                <th scope="col" className={styles.spare}>
                  In {counted(versions.length, "version")}
                </th>
              )}
              <th scope="col" data-end>
                Changed
              </th>
            </tr>
          </thead>
          <tbody>
            {nodes.map(({ name, type, nullable }) => (
              <Row key={name} {...{ name, versions, steps }} isOpen={name === opened} open={open}>
                <td>
                  <code>{type}</code>
                </td>
                <td>{nullable ? "may be" : "never"}</td>
              </Row>
            ))}
            {gone.map((name) => (
              <Row key={name} {...{ name, versions, steps }} isOpen={name === opened} isGone open={open}>
                <td colSpan={2}>is gone</td>
              </Row>
            ))}
          </tbody>
        </table>
        {leftOut > 0 && <p className={styles.note}>{counted(leftOut, "more", "more")}, which are not shown</p>}
      </Panel>
      {opened ? (
        <ColumnPanel key={opened} {...{ asset, versions }} name={opened} close={() => change({ column: null })} />
      ) : (
        <Panel title="Changes">
          {steps.map((step) => (
            <Changed key={step.after.id} asset={asset} step={step} />
          ))}
          <p className={styles.note}>
            {steps.length === 0 ? "The same" : "Otherwise the same"} in {among(versions.length)}
          </p>
        </Panel>
      )}
    </div>
  );
}

function among(versions: number): string {
  return versions === 1 ? "the one version there is" : `the last ${counted(versions, "version")}`;
}

interface RowProps {
  name: string;
  versions: readonly VersionColumns[];
  steps: readonly Step<VersionColumns>[];
  isOpen: boolean;
  isGone?: boolean;
  open(name: string): void;
  children: ReactNode;
}

/** A column as the newest version has it, and when it became so. */
function Row({ name, versions, steps, isOpen, isGone, open, children }: RowProps) {
  const step = steps.find(({ changes }) => changes.some((one) => one.name === name));
  return (
    <tr data-open={isOpen || undefined} data-gone={isGone || undefined}>
      <th scope="row">
        <button type="button" aria-pressed={isOpen} onClick={() => open(name)}>
          {name}
        </button>
      </th>
      {children}
      {steps.length > 0 && (
        <td className={styles.spare}>
          <Eras of={erasOf(versions, name)} total={versions.length} />
        </td>
      )}
      <td data-end>{step ? <Ago at={step.after.madeAt} /> : "–"}</td>
    </tr>
  );
}

/** In which versions it was there, and of one type throughout what stands together; the newest at the right. */
function Eras({ of, total }: { of: readonly Era<VersionColumns>[]; total: number }) {
  const before = total - of.reduce((sum, { versions }) => sum + versions, 0);
  const words = of.map(({ type, versions }) => `${type ?? "not there"} in ${versions}`).join(", ");
  return (
    <span className={styles.eras} role="img" aria-label={words} title={words}>
      {before > 0 && <span data-none style={{ flexGrow: before }} />}
      {of.map(({ type, since, versions }) => (
        <span key={since.id} data-none={type === null || undefined} style={{ flexGrow: versions }} />
      ))}
    </span>
  );
}

interface ColumnProps {
  asset: string;
  name: string;
  versions: readonly VersionColumns[];
  close(): void;
}

/** One column: what it is made from and what from it, as far as anybody knows, and what it was since when. */
function ColumnPanel({ asset, name, versions, close }: ColumnProps) {
  const eras = erasOf(versions, name);
  const partition = useParam("partition");
  return (
    <Panel
      title={name}
      actions={
        <Button quiet icon="close" onClick={close}>
          All changes
        </Button>
      }
    >
      <ColumnGraph {...{ asset, partition }} column={name} />
      <ol className={styles.history} aria-label={`What ${name} was`}>
        {eras.toReversed().map(({ type, since, versions: count }, n) => (
          <li key={since.id}>
            {type === null ? <span>not there</span> : <code>{type}</code>}
            <span>
              {n === eras.length - 1 && since === versions.at(-1) ? (
                eras.length === 1 ? (
                  `in ${among(count)}`
                ) : (
                  `in ${counted(count, "version")} before`
                )
              ) : (
                <>
                  since{" "}
                  <Link to={pathOf("assets", asset)} params={{ tab: "versions", partition: since.partition || null }}>
                    {since.partition || since.id}
                  </Link>{" "}
                  <Ago at={since.madeAt} said />, in {counted(count, "version")}
                </>
              )}
            </span>
          </li>
        ))}
        {eras.length === 0 && <li>No version has had it.</li>}
      </ol>
    </Panel>
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
