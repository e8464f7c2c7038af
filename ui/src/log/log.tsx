import { useState } from "react";
import { useChange, useParam, useView } from "@/address/use-address.ts";
import { below } from "@/runs/arrivals.ts";
import { usePages } from "@/server/use-pages.ts";
import { Ago } from "@/shared/ago.tsx";
import { Button } from "@/shared/button.tsx";
import { counted, whole } from "@/shared/numbers.ts";
import { Empty, PageHead, Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { type Column, Table } from "@/shared/table.tsx";
import { EVENTS, type Logged } from "./documents.ts";
import { EventPanel } from "./event-panel.tsx";
import styles from "./log.module.css";
import { SUBJECTS, TYPES, typesOf } from "./said.ts";
import { Sentence } from "./sentence.tsx";

const COLUMNS: readonly Column<Logged>[] = [
  {
    id: "position",
    title: "Position",
    width: "76px",
    align: "end",
    spare: "last",
    cell: ({ position }) => <span className={styles.mute}>{whole(position)}</span>,
  },
  { id: "what", title: "What", width: "minmax(160px, 3fr)", cell: (event) => <Sentence of={event} inTable /> },
  {
    id: "type",
    title: "Type",
    width: "minmax(120px, 1fr)",
    spare: "last",
    cell: ({ type }) => <code className={styles.mute}>{type}</code>,
  },
  {
    id: "actor",
    title: "By",
    width: "minmax(80px, 0.7fr)",
    spare: "first",
    cell: ({ actor }) => actor.replace(/ \(token .*/, ""),
  },
  { id: "when", title: "When", width: "64px", align: "end", cell: ({ occurredAt }) => <Ago at={occurredAt} /> },
];

/** All that happened, the newest first: every change of the state of the project is one event. */
export default function Log() {
  const filter = useParam("type");
  const at = useParam("event");
  const { asOf } = useView();
  const change = useChange();
  const [first, setFirst] = useState<string | null>(null);
  const types = typesOf(filter);
  const list = usePages(EVENTS, { types }, ({ project }) => project.events, { on: types ?? TYPES });
  const { rows, waiting } = below(list.rows, first, keyOf);
  const newest = list.rows[0];

  return (
    <div className={styles.page}>
      <PageHead title="Log">
        <span className="figures" role="status">
          {newest && !filter && asOf === null && `${counted(newest.position, "event")} so far`}
        </span>
      </PageHead>
      <div className={styles.tools}>
        <Select
          label="About"
          value={filter}
          change={(value) => change({ type: value || null, event: null }, { step: true })}
          options={[
            ["", "All events"],
            ...SUBJECTS.map((subject): [string, string] => [subject, subject]),
            ...(filter && !SUBJECTS.includes(filter) ? [[filter, filter] as const] : []),
          ]}
        />
      </div>
      <section className={styles.list} aria-label="Events">
        {list.problem && <Problem problem={list.problem} again={list.again} />}
        {list.isAwaited && rows.length === 0 ? (
          <Skeleton lines={14} height={33} />
        ) : rows.length > 0 ? (
          <Table
            label="Events"
            columns={COLUMNS}
            rows={rows}
            keyOf={keyOf}
            total={list.hasMore ? -1 : rows.length}
            more={list.more}
            open={(event) => change({ event: keyOf(event) }, { step: true })}
            current={at}
            isOld={list.isAwaited}
            over={
              waiting > 0 && (
                <button type="button" className={styles.new} onClick={() => setFirst(newest ? keyOf(newest) : null)}>
                  {counted(waiting, "new event")}
                </button>
              )
            }
            busy={(is) => setFirst(is && rows[0] ? keyOf(rows[0]) : null)}
          />
        ) : (
          !list.problem && (
            <Empty title={filter ? "No such event" : "Nothing has happened yet"}>
              {filter && <Button onClick={() => change({ type: null }, { step: true })}>Show all events</Button>}
            </Empty>
          )
        )}
      </section>
      {/^[1-9]\d*$/.test(at) && <EventPanel at={Number(at)} close={() => change({ event: null })} />}
    </div>
  );
}

function keyOf({ position }: Logged): string {
  return String(position);
}
