import { type PointerEvent, useMemo, useRef, useState } from "react";
import { useView } from "@/address/use-address.ts";
import { graphql } from "@/graphql.ts";
import { pieces } from "@/runs/density.ts";
import { DensityBars } from "@/runs/density-bars.tsx";
import { DENSITY } from "@/runs/documents.ts";
import { brushed, STRETCHES, stretch, USUAL } from "@/runs/range.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { counted } from "@/shared/numbers.ts";
import { Select } from "@/shared/select.tsx";
import { shortly } from "@/shared/times.ts";
import { heights } from "./density.ts";
import { iso } from "./moment.ts";
import styles from "./moment-slider.module.css";

const EVENT_DENSITY = graphql(`
  query EventDensity($project: String!, $asOf: Moment, $since: DateTime!, $until: DateTime!, $buckets: Int!) {
    project(name: $project, asOf: $asOf) {
      eventDensity(since: $since, until: $until, buckets: $buckets) { every series { subject counts } }
    }
  }
`);

const BUCKETS = 84;

/** A moment by where it lies among the runs, and all else that happened. */
export function MomentSlider({ go }: { go(asOf: string, until?: string): void }) {
  const { asOf } = useView();
  const [name, setName] = useState<string>(USUAL);
  const [now] = useState(() => new Date());
  const { since, until } = useMemo(() => stretch(name, now, BUCKETS), [name, now]);
  const width = (until.getTime() - since.getTime()) / BUCKETS;
  const shown = asOf && Number.isNaN(Number(asOf)) ? new Date(asOf).getTime() : now.getTime();
  const [bucket, setBucket] = useState<number | null>(null);
  const at = bucket ?? Math.round(Math.min(BUCKETS, Math.max(0, (shown - since.getTime()) / width)));
  const moment = new Date(Math.min(now.getTime(), since.getTime() + at * width));
  const { data } = useAnswer(DENSITY, { since: iso(since), until: iso(until), buckets: BUCKETS });
  const chart = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const dragged = drag && brushed({ since, until }, drag.from, drag.to, BUCKETS);
  const part = (event: PointerEvent) => {
    const box = chart.current?.getBoundingClientRect();
    return box ? (event.clientX - box.left) / box.width : 0;
  };
  /** What has changed between two moments; of now it is asked as it is then, too. */
  const compare = (a: Date, b: Date) => {
    const [first, last] = a < b ? [a, b] : [b, a];
    go(iso(first), last >= now ? "1" : iso(last));
  };
  const bars = useMemo(() => pieces(data?.project.runDensity.series ?? []), [data]);
  const events = useAnswer(EVENT_DENSITY, { since: iso(since), until: iso(until), buckets: BUCKETS });
  const happened = useMemo(() => heights(events.data?.project.eventDensity.series ?? []), [events.data]);
  return (
    <div className={styles.of}>
      <div className={styles.head}>
        <Select
          label="Stretch of time"
          value={name}
          change={(to) => {
            setName(to);
            setBucket(null);
          }}
          options={STRETCHES.map(({ name, label }): [string, string] => [name, label])}
        />
        <span className="figures">
          {dragged ? `${shortly(dragged.since)} – ${shortly(dragged.until)}` : shortly(moment)}
        </span>
      </div>
      <div className={styles.chart}>
        <div
          ref={chart}
          className={styles.area}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            setDrag({ from: part(event), to: part(event) });
          }}
          onPointerMove={(event) => drag && setDrag({ ...drag, to: part(event) })}
          onPointerUp={() => {
            if (dragged && drag && Math.abs(drag.to - drag.from) > 0.004) compare(dragged.since, dragged.until);
            setDrag(null);
          }}
          onPointerCancel={() => setDrag(null)}
        >
          {dragged && (
            <span
              style={{
                left: `${((dragged.since.getTime() - since.getTime()) / (BUCKETS * width)) * 100}%`,
                width: `${((dragged.until.getTime() - dragged.since.getTime()) / (BUCKETS * width)) * 100}%`,
              }}
            />
          )}
        </div>
        <svg className={styles.events} viewBox={`0 0 ${BUCKETS} 1`} preserveAspectRatio="none" aria-hidden="true">
          {happened.map(({ bucket, count, height }) => (
            <rect key={bucket} x={bucket + 0.12} width={0.76} y={1 - height} height={height}>
              <title>{counted(count, "event")}</title>
            </rect>
          ))}
        </svg>
        <DensityBars pieces={bars} buckets={BUCKETS} />
        <input
          type="range"
          aria-label="Moment"
          aria-valuetext={shortly(moment)}
          min={0}
          max={BUCKETS}
          value={at}
          onChange={(event) => setBucket(Number(event.target.value))}
          onPointerUp={() => bucket !== null && go(iso(moment))}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            if (event.shiftKey) compare(moment, new Date(shown));
            else go(iso(moment));
          }}
        />
      </div>
      <p className={styles.legend} aria-hidden="true">
        above, how much happened; below it, runs
      </p>
    </div>
  );
}
