import { type PointerEvent, useMemo, useRef, useState } from "react";
import { counted } from "@/shared/numbers.ts";
import { exactly, shortly } from "@/shared/times.ts";
import { pieces } from "./density.ts";
import { DensityBars } from "./density-bars.tsx";
import styles from "./density-chart.module.css";
import type { Density } from "./documents.ts";
import { brushed, type Range } from "./range.ts";

interface Props {
  density: Density | null;
  range: Range;
  buckets: number;
  /** What is chosen of it. */
  chosen: Range | null;
  choose(range: Range | null): void;
}

/** Runs by time; dragging over it chooses a part, a click on the chosen part gives it up. */
export function DensityChart({ density, range, buckets, chosen, choose }: Props) {
  const of = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const bars = useMemo(() => pieces(density?.series ?? []), [density]);
  const span = range.until.getTime() - range.since.getTime();
  const part = (date: Date) => (date.getTime() - range.since.getTime()) / span;
  const shown = drag ? brushed(range, drag.from, drag.to, buckets) : chosen;

  function at(event: PointerEvent): number {
    const box = of.current?.getBoundingClientRect();
    return box ? (event.clientX - box.left) / box.width : 0;
  }

  const total = bars.reduce((sum, { count }) => sum + count, 0);
  return (
    <figure className={styles.figure}>
      <div
        ref={of}
        className={styles.chart}
        role="img"
        aria-label={`${counted(total, "run")} from ${exactly(range.since)} to ${exactly(range.until)}`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: at(event), to: at(event) });
        }}
        onPointerMove={(event) => drag && setDrag({ ...drag, to: at(event) })}
        onPointerUp={() => {
          if (!drag) return;
          const isClick = Math.abs(drag.to - drag.from) < 0.004;
          choose(isClick && chosen ? null : brushed(range, drag.from, drag.to, buckets));
          setDrag(null);
        }}
        onPointerCancel={() => setDrag(null)}
      >
        <DensityBars pieces={bars} buckets={buckets} />
        {shown && (
          <span
            className={styles.brush}
            style={{
              left: `${Math.max(0, part(shown.since)) * 100}%`,
              right: `${Math.max(0, 1 - part(shown.until)) * 100}%`,
            }}
          />
        )}
      </div>
      <figcaption className={styles.axis}>
        <span>{shortly(range.since)}</span>
        <span>{shortly(range.until)}</span>
      </figcaption>
    </figure>
  );
}
