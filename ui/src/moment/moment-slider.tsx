import { useMemo, useState } from "react";
import { useView } from "@/address/use-address.ts";
import { pieces } from "@/runs/density.ts";
import { DensityBars } from "@/runs/density-bars.tsx";
import { DENSITY } from "@/runs/documents.ts";
import { STRETCHES, stretch, USUAL } from "@/runs/range.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Select } from "@/shared/select.tsx";
import { shortly } from "@/shared/times.ts";
import { iso } from "./moment.ts";
import styles from "./moment-slider.module.css";

const BUCKETS = 84;

/** A moment by where it lies among the runs. */
export function MomentSlider({ go }: { go(asOf: string): void }) {
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
  const bars = useMemo(() => pieces(data?.project.runDensity.series ?? []), [data]);
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
        <span className="figures">{shortly(moment)}</span>
      </div>
      <div className={styles.chart}>
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
            if (event.key === "Enter") go(iso(moment));
          }}
        />
      </div>
    </div>
  );
}
