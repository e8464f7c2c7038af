import { type PointerEvent, useMemo, useRef, useState } from "react";
import type { Mark } from "@/shared/marks.ts";
import { counted } from "@/shared/numbers.ts";
import { type Brushing, brushed, buckets, howOf, outline, type Span, type Window, withBrushed } from "./spans.ts";
import styles from "./strip.module.css";

const MARKS: readonly Mark[] = ["fresh", "missing", "stale"];
const COLUMNS = 800;
const LEAST = 18;

interface Props {
  label: string;
  spans: readonly Span[];
  window: Window;
  chosen: readonly Window[];
  choose(window: Window, how: Brushing): void;
}

/**
 * Partitions in their order; a column that has many takes the worst of them. Dragging over it chooses some: with shift
 * besides those that are chosen, with alt it takes them out.
 */
export function Strip({ label, spans, window, chosen, choose }: Props) {
  const of = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number; how: Brushing } | null>(null);
  const count = Math.min(COLUMNS, window.to - window.from);
  const columns = useMemo(() => buckets(spans, window, count), [spans, window, count]);
  const span = window.to - window.from;
  const part = (number: number) => Math.max(0, Math.min(1, (number - window.from) / span));
  const shown = drag ? withBrushed(chosen, brushed(window, drag.from, drag.to), drag.how) : chosen;

  function at(event: PointerEvent): number {
    const box = of.current?.getBoundingClientRect();
    return box ? (event.clientX - box.left) / box.width : 0;
  }

  return (
    <div
      ref={of}
      className={styles.strip}
      role="img"
      aria-label={`${label}: ${counted(span, "partition")}`}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ from: at(event), to: at(event), how: howOf(event) });
      }}
      onPointerMove={(event) => drag && setDrag({ ...drag, to: at(event) })}
      onPointerUp={() => {
        if (!drag) return;
        choose(brushed(window, drag.from, drag.to), drag.how);
        setDrag(null);
      }}
      onPointerCancel={() => setDrag(null)}
    >
      <svg viewBox={`0 0 ${count} 100`} preserveAspectRatio="none" aria-hidden="true">
        {MARKS.map((mark) => (
          <path key={mark} data-mark={mark} d={outline(columns, mark, LEAST)} />
        ))}
      </svg>
      {shown.map(({ from, to }) => (
        <span
          key={from}
          className={styles.brush}
          style={{ left: `${part(from) * 100}%`, right: `${(1 - part(to)) * 100}%` }}
        />
      ))}
    </div>
  );
}
