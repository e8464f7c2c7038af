import { useMemo, useState } from "react";
import { useChange, useParam } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { valueText } from "@/shared/json.ts";
import { counted } from "@/shared/numbers.ts";
import { Empty, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { SearchField } from "@/shared/search-field.tsx";
import { Select } from "@/shared/select.tsx";
import { dated, exactly } from "@/shared/times.ts";
import { Chart } from "./chart.tsx";
import { SERIES } from "./documents.ts";
import styles from "./metrics.module.css";
import { byPartition, byVersion, lastTwo, type Plotted } from "./plotted.ts";

/** Every number that was recorded with its versions, each over all of them. */
export default function Metrics({ asset, isPartitioned }: { asset: string; isPartitioned: boolean }) {
  const partition = useParam("partition");
  const by = useParam("by");
  const isByVersion = !isPartitioned || partition !== "" || by === "version";
  const change = useChange();
  const { data, problem, isAwaited, again } = useAnswer(
    SERIES,
    { key: asset, partition: partition || null },
    { on: ASSET_EVENTS },
  );
  const series = data?.project.environment.asset.series;
  const plotted = useMemo(
    () => (series ? (isByVersion ? byVersion(series) : byPartition(series)) : null),
    [series, isByVersion],
  );
  return (
    <div className={styles.page}>
      {isPartitioned && (
        <div className={styles.tools}>
          <SearchField
            label="Partition"
            placeholder="Of one partition, as in 2026-01-05"
            text={partition}
            change={(text) => change({ partition: text.trim() || null })}
          />
          {!partition && (
            <Select
              label="Over"
              value={isByVersion ? "version" : ""}
              options={[
                ["", "over partitions, the latest of each"],
                ["version", "over versions, as they were made"],
              ]}
              change={(by) => change({ by: by || null })}
            />
          )}
        </div>
      )}
      {problem && <Problem problem={problem} again={again} />}
      {!plotted && !problem && <Skeleton lines={6} height={48} />}
      {plotted && (plotted.lines.length > 0 || isAwaited) && (
        <Charts plotted={plotted} isByVersion={isByVersion} isOld={isAwaited} />
      )}
      {plotted?.lines.length === 0 && !isAwaited && (
        <Empty title="No numbers were recorded with its versions">
          <p>
            A task records them by <code>context.add_metadata(rows=…)</code>.
          </p>
        </Empty>
      )}
    </div>
  );
}

interface Props {
  plotted: Plotted;
  isByVersion: boolean;
  isOld: boolean;
}

function Charts({ plotted: { points, lines }, isByVersion, isOld }: Props) {
  const change = useChange();
  const [pointed, setPointed] = useState<number | null>(null);
  const today = new Date();

  function label(at: number): string {
    const point = points[at];
    if (!point) return "";
    return isByVersion ? dated(new Date(point.madeAt), today) : point.partition;
  }

  /** What it has otherwise than the one before; over partitions, the versions of that one. */
  function open(at: number) {
    const point = points[at];
    if (!point) return;
    const before = isByVersion && points.slice(0, at).findLast(({ partition }) => partition === point.partition);
    const compared = before ? { a: before.version, b: point.version } : {};
    change({ tab: "versions", by: null, partition: point.partition || null, ...compared }, { step: true });
  }

  return (
    <div className={styles.charts} aria-busy={isOld || undefined}>
      {lines.map(({ name, values }) => {
        const [last, before] = lastTwo(values);
        const isThere = pointed !== null && values[pointed] !== null && values[pointed] !== undefined;
        const at = isThere ? pointed : last;
        const point = points[at];
        const value = valueText(values[at] ?? null);
        const where = point ? [point.partition, exactly(new Date(point.madeAt))].filter(Boolean).join(" · ") : "";
        return (
          <Panel
            key={name}
            title={name}
            actions={
              <span className={styles.read}>
                <b>{value}</b>
                {at === last && before >= 0 && isByVersion && <Change from={values[before]!} to={values[last]!} />}
                <span>{where}</span>
              </span>
            }
          >
            <Chart
              name={`${name} over ${counted(points.length, isByVersion ? "version" : "partition")}`}
              values={values}
              label={label}
              at={at}
              isPointed={isThere}
              said={`${value}, ${where}`}
              point={setPointed}
              open={open}
            />
          </Panel>
        );
      })}
    </div>
  );
}

function Change({ from, to }: { from: number; to: number }) {
  if (from === to) return null;
  const part = from === 0 ? null : (to - from) / Math.abs(from);
  const text =
    part === null || Math.abs(part) > 10
      ? valueText(to - from)
      : part.toLocaleString(undefined, { style: "percent", maximumFractionDigits: 1 });
  return <span>{to > from ? `+${text}` : text.replace("-", "−")}</span>;
}
