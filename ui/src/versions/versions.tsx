import { useState } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useParam } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { usePages } from "@/server/use-pages.ts";
import { Ago } from "@/shared/ago.tsx";
import { Act, Button } from "@/shared/button.tsx";
import { Chips } from "@/shared/chips.tsx";
import { bytes, counted } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { SearchField } from "@/shared/search-field.tsx";
import { type Column, Table } from "@/shared/table.tsx";
import { duration } from "@/shared/times.ts";
import { because, brief } from "@/why/words.ts";
import { chosenNext, olderFirst } from "./chosen.ts";
import { Compare } from "./compare.tsx";
import { HEAD_OF, VERSIONS, type VersionRow } from "./documents.ts";
import { useRollback } from "./use-rollback.ts";
import { Variants } from "./variants.tsx";
import styles from "./versions.module.css";

function columns(isPartitioned: boolean): Column<VersionRow>[] {
  return [
    {
      id: "id",
      title: "Version",
      width: "minmax(150px, 1.4fr)",
      cell: ({ id, isAccepted, isHead }) => (
        <span className={styles.id}>
          <code>{id}</code>
          {isHead && <Chips texts={["head"]} />}
          {!isAccepted && <Chips texts={["refused"]} />}
        </span>
      ),
    },
    ...(isPartitioned
      ? [{ id: "partition", title: "Partition", width: "minmax(96px, 1fr)", cell: (row: VersionRow) => row.partition }]
      : []),
    {
      id: "because",
      title: "Because",
      width: "minmax(120px, 2fr)",
      spare: "first",
      cell: ({ reasons }) => <span className={styles.mute}>{reasons.map(because).join("; ")}</span>,
    },
    {
      id: "data",
      title: "Content",
      width: "88px",
      spare: "first",
      cell: ({ dataVersion }) => <code title={dataVersion}>{brief(dataVersion)}</code>,
    },
    {
      id: "run",
      title: "Run",
      width: "124px",
      spare: "first",
      cell: ({ run }) => (
        <Link to={pathOf("runs", run)} tabIndex={-1}>
          <code>{run}</code>
        </Link>
      ),
    },
    {
      id: "size",
      title: "Size",
      width: "72px",
      align: "end",
      spare: "last",
      cell: ({ size }) => (size === null ? "–" : bytes(size)),
    },
    {
      id: "took",
      title: "Took",
      width: "84px",
      align: "end",
      spare: "last",
      cell: ({ durationMs }) => duration(durationMs),
    },
    { id: "made", title: "Made", width: "72px", align: "end", cell: ({ madeAt }) => <Ago at={madeAt} /> },
  ];
}

/** All versions there are, newest first; two of them can be compared, and one be made the head. */
export default function Versions({ asset, isPartitioned }: { asset: string; isPartitioned: boolean }) {
  const partition = useParam("partition");
  const [a, b] = [useParam("a"), useParam("b")];
  const isSide = useParam("side") !== "";
  const change = useChange();
  const [chosen, choose] = useState<readonly string[]>([]);
  const list = usePages(
    VERSIONS,
    { key: asset, partition: partition || null },
    ({ project }) => project.environment.asset.versions,
    { on: ASSET_EVENTS },
  );
  const one = chosen.length === 1 ? list.rows.find(({ id }) => id === chosen[0]) : undefined;
  const heads = useAnswer(
    HEAD_OF,
    { key: asset, partition: one?.partition ?? "" },
    { on: ASSET_EVENTS, pause: one === undefined || one.isHead },
  );
  const head = heads.isAwaited ? "" : (heads.data?.project.environment.asset.head?.id ?? "");

  if (a && b) {
    const back = () => change({ a: null, b: null }, { step: true });
    return <Compare asset={asset} before={a} after={b} back={back} swap={() => change({ a: b, b: a })} />;
  }
  if (isSide) {
    const back = () => change({ side: null, by: null, lowest: null, run: null }, { step: true });
    return <Variants asset={asset} isPartitioned={isPartitioned} back={back} />;
  }
  const [older, newer] = olderFirst(chosen, list.rows);
  return (
    <div className={styles.of}>
      <div className={styles.tools}>
        {isPartitioned && (
          <SearchField
            label="Partition"
            placeholder="Of one partition, as in 2026-01-05"
            text={partition}
            change={(text) => change({ partition: text.trim() || null })}
          />
        )}
        <span className={styles.said} role="status">
          {!list.isAwaited && !list.problem && counted(list.total ?? list.rows.length, "version")}
          {chosen.length === 0 && list.rows.length > 1 && " · choose two to compare them"}
          {chosen.length === 1 && " · one is chosen"}
        </span>
        {one && !one.isHead && head && head !== one.id && (
          <RollBack asset={asset} row={one} head={head} changed={list.again} done={() => choose([])} />
        )}
        <Button disabled={list.rows.length < 2} onClick={() => change({ side: "1" }, { step: true })}>
          Side by side
        </Button>
        <Button
          disabled={chosen.length < 2}
          title={chosen.length < 2 ? "Choose two versions: x on a row, or a click" : undefined}
          onClick={() => change({ a: older ?? null, b: newer ?? null }, { step: true })}
        >
          Compare
        </Button>
      </div>
      <section className={styles.list} aria-label="Versions">
        {list.problem && <Problem problem={list.problem} again={list.again} />}
        {list.isAwaited && list.rows.length === 0 ? (
          <Skeleton lines={8} height={33} />
        ) : list.rows.length > 0 ? (
          <Table
            label="Versions"
            columns={columns(isPartitioned)}
            rows={list.rows}
            keyOf={({ id }) => id}
            total={list.total}
            more={list.more}
            open={({ id }) => choose(chosenNext(chosen, id))}
            selected={new Set(chosen)}
            select={(id) => choose(chosenNext(chosen, id))}
            isOld={list.isAwaited}
          />
        ) : (
          !list.problem && (
            <Empty title={partition ? `There is no version of ${partition}` : "There is no version yet"} />
          )
        )}
      </section>
    </div>
  );
}

function RollBack(props: { asset: string; row: VersionRow; head: string; changed(): void; done(): void }) {
  const { asset, row, head, changed, done } = props;
  const rollback = useRollback(changed);
  const [isBusy, setBusy] = useState(false);
  return (
    <Act
      needs="DEPLOYER"
      icon="undo"
      disabled={isBusy}
      onClick={async () => {
        setBusy(true);
        await rollback({ asset, partition: row.partition, version: row.id }, head);
        setBusy(false);
        done();
      }}
    >
      Roll back to it
    </Act>
  );
}
