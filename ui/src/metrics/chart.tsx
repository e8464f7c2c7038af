import { type KeyboardEvent, useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { short } from "@/shared/numbers.ts";
import styles from "./metrics.module.css";
import { apart, next, once } from "./plotted.ts";

const HEIGHT = 150;
/** Below so many, each point is drawn. */
const FEW = 80;

interface Props {
  name: string;
  values: readonly (number | null)[];
  /** What the axis calls a point. */
  label(at: number): string;
  /** The point that is read off; all charts of a page read off the same. */
  at: number;
  /** Whether somebody points at it: else it is the last. */
  isPointed: boolean;
  /** The same in words. */
  said: string;
  point(at: number | null): void;
  open(at: number): void;
}

/** One number over versions. The pointer or the arrows say which one is read off, a click or enter opens it. */
export function Chart({ name, values, label, at, isPointed, said, point, open }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const now = useRef({ label, point });
  useEffect(() => {
    now.current = { label, point };
  });

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    function draw() {
      plot.current?.destroy();
      plot.current = drawn(element!, values, now.current);
    }
    draw();
    const width = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    width.observe(element);
    const theme = new MutationObserver(draw);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      width.disconnect();
      theme.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [values]);

  useEffect(() => {
    const chart = plot.current;
    if (!chart || (isPointed && chart.cursor.idx === at)) return;
    chart.setCursor({ left: isPointed ? chart.valToPos(at, "x") : -10, top: isPointed ? 1 : -10 }, false);
  }, [at, isPointed]);

  function press(event: KeyboardEvent) {
    const to = {
      ArrowLeft: () => next(values, at, -1),
      ArrowRight: () => next(values, at, 1),
      Home: () => next(values, -1, 1),
      End: () => next(values, values.length, -1),
    }[event.key];
    if (to) point(to());
    else if (event.key === "Enter") open(at);
    else return;
    event.preventDefault();
  }

  return (
    <div
      ref={host}
      className={styles.chart}
      role="slider"
      tabIndex={0}
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={values.length - 1}
      aria-valuenow={at}
      aria-valuetext={said}
      onKeyDown={press}
      onClick={() => at >= 0 && open(at)}
      onPointerLeave={() => point(null)}
    />
  );
}

function drawn(
  host: HTMLElement,
  values: readonly (number | null)[],
  now: { label(at: number): string; point(at: number | null): void },
): uPlot {
  const style = getComputedStyle(host);
  const colour = (of: string) => style.getPropertyValue(`--${of}`).trim();
  const axis: uPlot.Axis = {
    stroke: colour("mute"),
    font: `11px ${colour("sans") || "sans-serif"}`,
    grid: { stroke: colour("line-soft"), width: 1 },
    ticks: { show: false },
  };
  const options: uPlot.Options = {
    width: host.clientWidth,
    height: HEIGHT,
    padding: [12, 36, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 8, fill: colour("accent"), stroke: colour("panel") },
    },
    scales: {
      x: { time: false, range: (_, least, most) => (least === most ? [least - 1, most + 1] : [least, most]) },
      // a line that lies flat, far from nought, is drawn in the middle
      y: { range: (_, least, most) => spread(least, most) },
    },
    series: [
      {},
      {
        stroke: colour("ink"),
        width: 1.25,
        spanGaps: true,
        points: { show: values.length < FEW, size: 4, fill: colour("ink"), width: 0 },
      },
    ],
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        space: 84,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
        values: (_, splits) => once(splits.map((at) => (Number.isInteger(at) ? now.label(at) : ""))),
      },
      { ...axis, size: 56, space: 36, values: (_, splits) => apart(splits, short) },
    ],
    hooks: {
      setCursor: [({ cursor }) => typeof cursor.idx === "number" && (cursor.left ?? -1) >= 0 && now.point(cursor.idx)],
    },
  };
  return new uPlot(options, [values.map((_, n) => n), [...values]], host);
}

function spread(least: number, most: number): [number, number] {
  if (!Number.isFinite(least) || !Number.isFinite(most)) return [0, 1];
  const room = most === least ? Math.abs(most) * 0.1 || 1 : (most - least) * 0.12;
  return [least - room, most + room];
}
