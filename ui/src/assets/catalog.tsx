import { useDeferredValue, useMemo, useState } from "react";
import { listAs, listIn, pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useGo, useParam, useView } from "@/address/use-address.ts";
import { useMaterialize } from "@/materialize/use-materialize.ts";
import { ofKeys } from "@/selection/language.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { usePages } from "@/server/use-pages.ts";
import { Ago } from "@/shared/ago.tsx";
import { Act, Button } from "@/shared/button.tsx";
import { Chips } from "@/shared/chips.tsx";
import { Standings } from "@/shared/glyph.tsx";
import { Keys } from "@/shared/keys.tsx";
import { standingsOf } from "@/shared/marks.ts";
import { counted } from "@/shared/numbers.ts";
import { Empty, PageHead, Problem, Skeleton } from "@/shared/panels.tsx";
import { SearchField } from "@/shared/search-field.tsx";
import { Sparkline } from "@/shared/sparkline.tsx";
import { type Column, Table } from "@/shared/table.tsx";
import { duration } from "@/shared/times.ts";
import { useShortcuts } from "@/shell/use-shortcuts.ts";
import styles from "./catalog.module.css";
import { ASSET_EVENTS, CATALOG, type CatalogRow, FACETS } from "./documents.ts";
import { Facets } from "./facets.tsx";
import { FirstRun } from "./first-run.tsx";
import { askedFor, NARROWED_BY, type Narrowed, NOT_NARROWED } from "./narrowed.ts";
import { PartitionBar } from "./partition-bar.tsx";
import { shares } from "./share.ts";

const COLUMNS: readonly Column<CatalogRow>[] = [
  {
    id: "status",
    title: "Status",
    width: "104px",
    cell: ({ status, flags }) => <Standings all={standingsOf(status, flags)} />,
  },
  {
    id: "key",
    title: "Asset",
    width: "minmax(140px, 3fr)",
    cell: ({ key, description }) => (
      <span className={styles.name}>
        <Link to={pathOf("assets", key)} tabIndex={-1} title={key}>
          {key}
        </Link>
        <span title={description}>{description}</span>
      </span>
    ),
  },
  { id: "group", title: "Group", width: "minmax(70px, 0.8fr)", spare: "first", cell: ({ group }) => group },
  {
    id: "partitions",
    title: "Partitions",
    width: "minmax(96px, 1fr)",
    spare: "last",
    cell: ({ partitioning, partitions }) => {
      if (!partitioning) return <span className={styles.mute}>–</span>;
      const counts = partitions.map(({ status, partitions: { count } }) => ({ status, count }));
      return <PartitionBar shares={shares(counts)} total={partitioning.count} />;
    },
  },
  {
    id: "took",
    title: "Took",
    width: "60px",
    spare: "first",
    cell: ({ durations }) => <Sparkline values={durations} most={20} textOf={duration} />,
  },
  {
    id: "kinds",
    title: "Kind",
    width: "minmax(92px, 0.8fr)",
    spare: "first",
    cell: ({ kinds }) => <Chips texts={kinds} />,
  },
  {
    id: "owners",
    title: "Owner",
    width: "minmax(92px, 1fr)",
    spare: "first",
    cell: ({ owners }) => <span className={styles.mute}>{owners.join(", ")}</span>,
  },
  {
    id: "made",
    title: "Made",
    width: "60px",
    align: "end",
    cell: ({ madeAt }) => <Ago at={madeAt} />,
  },
];

const keyOf = ({ key }: CatalogRow) => key;

/** All assets: found by text or by selection, narrowed by what they have. */
export default function Catalog() {
  const text = useParam("q");
  const { asOf } = useView();
  const params = NARROWED_BY.map(useParam);
  const given = params.join("\n");
  const change = useChange();
  const go = useGo();
  const materialize = useMaterialize();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());

  const narrowed = useMemo(
    () => Object.fromEntries(given.split("\n").map((list, n) => [NARROWED_BY[n], listIn(list)])) as unknown as Narrowed,
    [given],
  );
  const asked = useMemo(() => askedFor(text, narrowed), [text, narrowed]);
  const all = useMemo(() => askedFor(text, NOT_NARROWED), [text]);
  const list = usePages(CATALOG, asked, ({ project }) => project.environment.assets, { on: ASSET_EVENTS });
  const facets = useAnswer(FACETS, all, { on: ASSET_EVENTS });
  const rows = useDeferredValue(list.rows);

  const isNarrowed = text !== "" || given.trim() !== "";
  const clear = () =>
    change({ q: null, ...Object.fromEntries(NARROWED_BY.map((field) => [field, null])) }, { step: true });

  function select(key: string) {
    setSelected((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });
  }

  // What is selected by hand; else all that is listed. What a search finds has no selection before all of it is there.
  const listed = asked.search === null ? asked.selection : list.total === rows.length ? ofKeys(rows.map(keyOf)) : null;
  const wanted = selected.size > 0 ? ofKeys(selected) : isNarrowed ? listed : "";
  const make = () => wanted !== null && materialize({ selection: wanted });
  useShortcuts([{ keys: "m", label: "Materialize", run: make }]);

  const total = list.total ?? rows.length;
  return (
    <div className={styles.page}>
      <PageHead
        title="Assets"
        actions={
          <Act primary needs="OPERATOR" icon="runs" disabled={wanted === null} onClick={make}>
            {selected.size > 0 ? `Materialize ${counted(selected.size, "asset")}…` : "Materialize…"} <Keys of="m" />
          </Act>
        }
      >
        <span className="figures" role="status">
          {!list.isAwaited && !list.problem && counted(total, "asset")}
          {selected.size > 0 && ` · ${selected.size} selected`}
        </span>
      </PageHead>
      <div className={styles.tools}>
        <SearchField
          label="Search, or a selection"
          placeholder="Search, or a selection such as group:reports and status:stale"
          text={text}
          change={(q) => change({ q })}
        />
        {isNarrowed && (
          <Button quiet icon="close" onClick={clear}>
            Clear
          </Button>
        )}
      </div>
      <div className={styles.body}>
        <aside className={styles.side} aria-label="Narrow down">
          <Facets
            facets={facets.data?.project.environment.facets ?? []}
            narrowed={narrowed}
            choose={(field, values) => change({ [field]: listAs(values) }, { step: true })}
          />
        </aside>
        <section className={styles.list} aria-label="Assets">
          {list.problem && <Problem problem={list.problem} again={list.again} />}
          {list.isAwaited && rows.length === 0 ? (
            <Skeleton lines={14} height={33} />
          ) : rows.length > 0 ? (
            <Table
              label="Assets"
              columns={COLUMNS}
              rows={rows}
              keyOf={keyOf}
              total={list.total}
              more={list.more}
              open={({ key }) => go(pathOf("assets", key))}
              selected={selected}
              select={select}
              isOld={list.isAwaited}
            />
          ) : isNarrowed && !list.problem ? (
            <Empty title="No assets match">
              <Button onClick={clear}>Clear the filter</Button>
            </Empty>
          ) : (
            !list.problem && (asOf === null ? <FirstRun /> : <Empty title="There were no assets yet" />)
          )}
        </section>
      </div>
    </div>
  );
}
