import { useState } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useParam, useView } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { carryOut } from "@/server/carry-out.ts";
import { useProject } from "@/server/project.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Act, Button } from "@/shared/button.tsx";
import { Chips } from "@/shared/chips.tsx";
import { entriesOf, valueText } from "@/shared/json.ts";
import { counted } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { toast } from "@/shell/toasts.ts";
import { COMPARISON, type Comparison, PROMOTE } from "./documents.ts";
import styles from "./variants.module.css";
import { sortedNext, type Variant, variants } from "./variants.ts";

const MOST = 200;
/** Of a run all that it tried. */
const ALL = 1_000;

interface Props {
  asset: string;
  isPartitioned: boolean;
  back(): void;
}

/** Versions side by side, by parameters and metrics; sorted by one of these, and one of them made head. */
export function Variants({ asset, isPartitioned, back }: Props) {
  const [by, run, partition] = [useParam("by"), useParam("run"), useParam("partition")];
  const isLowest = useParam("lowest") !== "";
  const change = useChange();
  const asked = { key: asset, by, lowest: isLowest, partition, run: run || null, first: run ? ALL : MOST };
  const { data, problem, isAwaited, again } = useAnswer(COMPARISON, asked, { on: ASSET_EVENTS });
  const found = data?.project.environment.asset.comparison;
  const rows = found ? variants(found) : [];
  function sort(metric: string): void {
    const next = sortedNext(by, isLowest, metric);
    change({ by: next.by, lowest: next.isLowest ? "1" : null });
  }

  return (
    <div className={styles.of} aria-busy={isAwaited}>
      <div className={styles.tools}>
        <Button icon="left" onClick={back}>
          All versions
        </Button>
        {run && (
          <Button icon="close" onClick={() => change({ run: null })}>
            Of run {run}
          </Button>
        )}
        <span role="status">
          {found && counted(rows.length, "version")}
          {found && found.considered > rows.length && ` of the latest ${found.considered}`}
        </span>
      </div>
      {problem && <Problem problem={problem} again={again} />}
      {!found ? (
        !problem && <Skeleton lines={8} height={33} />
      ) : rows.length === 0 ? (
        <Empty title="There is no version to compare" />
      ) : (
        <Grid {...{ asset, found, rows, by, isLowest, isPartitioned, sort }} />
      )}
    </div>
  );
}

interface GridProps {
  found: Comparison;
  asset: string;
  rows: readonly Variant[];
  by: string;
  isLowest: boolean;
  isPartitioned: boolean;
  sort(metric: string): void;
}

function Grid({ asset, found: { parameters, metrics }, rows, by, isLowest, isPartitioned, sort }: GridProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no pointer scrolls it by keys
    <section className={styles.scroll} tabIndex={0} aria-label="Side by side">
      <table className={styles.table} aria-label="Versions side by side">
        <thead>
          <tr>
            <th scope="col">Version</th>
            {isPartitioned && <th scope="col">Partition</th>}
            {parameters.map(({ name }) => (
              <th key={name} scope="col" data-number>
                {name}
              </th>
            ))}
            {metrics.map(({ name }) => {
              const direction = by !== name ? "none" : isLowest ? "ascending" : "descending";
              return (
                <th key={name} scope="col" data-number aria-sort={direction}>
                  <button type="button" onClick={() => sort(name)} title={`Sort by ${name}`}>
                    {name}
                    <span aria-hidden="true">{{ none: "", ascending: " ↑", descending: " ↓" }[direction]}</span>
                  </button>
                </th>
              );
            })}
            <th scope="col" data-number>
              Made
            </th>
            <th scope="col">
              <span className="unseen">What can be done</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row
              key={row.id}
              {...{ row, asset, isPartitioned }}
              sorted={metrics.findIndex(({ name }) => name === by)}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface RowProps {
  row: Variant;
  asset: string;
  isPartitioned: boolean;
  /** The metric that it is sorted by. */
  sorted: number;
}

function Row({ row, asset, isPartitioned, sorted }: RowProps) {
  return (
    <tr data-out={row.isRetracted || undefined}>
      <th scope="row">
        <span className={styles.id}>
          <Link to={pathOf("runs", row.run)} title={`Run ${row.run}`}>
            <code>{row.id}</code>
          </Link>
          {row.isHead && <Chips texts={["head"]} />}
          {row.isRetracted && <Chips texts={["retracted"]} />}
        </span>
      </th>
      {isPartitioned && <td>{row.partition}</td>}
      {row.parameters.map((text, n) => (
        <td key={n} data-number>
          {text || "–"}
        </td>
      ))}
      {row.metrics.map((number, n) => (
        <td key={n} data-number data-sorted={n === sorted || undefined}>
          {valueText(number)}
        </td>
      ))}
      <td data-number>
        <Ago at={row.madeAt} />
      </td>
      <td>{!row.isHead && !row.isRetracted && <MakeHead version={row.id} asset={asset} />}</td>
    </tr>
  );
}

function MakeHead({ version, asset }: { version: string; asset: string }) {
  const project = useProject();
  const { environment } = useView();
  const [isBusy, setBusy] = useState(false);

  async function make(which: string, isUndo = false): Promise<void> {
    const asked = { project, environment, version: which };
    const done = await carryOut(PROMOTE, asked, (data) => data.promoteVersion, "VersionPromoted");
    if (!done) return;
    const others = entriesOf(done.parameters).map(([name, value]) => `${name}=${valueText(value)}`);
    const hint = others.length > 0 ? `. A run would replace it until ${others.join(", ")} is pinned` : "";
    const before = isUndo ? null : done.replaced[done.moved.indexOf(asset)];
    toast(`${which} is head of ${environment}${hint}`, before ? { undo: () => void make(before, true) } : {});
  }

  return (
    <Act
      needs="DEPLOYER"
      aria-label={`Make head: ${version}`}
      disabled={isBusy}
      onClick={() => {
        setBusy(true);
        void make(version).finally(() => setBusy(false));
      }}
    >
      Make head
    </Act>
  );
}
