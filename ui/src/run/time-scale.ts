// A run in time: where its steps lie between when it was asked for and its end, or now.

export interface Lap {
  /** Milliseconds since the run was asked for. */
  start: number;
  /** Null as long as it goes on. */
  took: number | null;
}

/** An attempt of a step, which was not the last one. */
export interface Try extends Lap {
  attempt: number;
}

interface Timed {
  status: string;
  startedAt: string | null;
  durationMs: number | null;
}

/** When a step's last attempt ran; null where none did, as of what was reused. */
export function lapOf({ status, startedAt, durationMs }: Timed, begin: number): Lap | null {
  if (startedAt === null) return null;
  const start = Math.max(0, new Date(startedAt).getTime() - begin);
  if (durationMs === null && status !== "running" && status !== "starting") return { start, took: 0 };
  return { start, took: durationMs };
}

const STEPS_MS = [
  10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
  1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000,
];
const DAY_MS = 86_400_000;

/** Round times within a span, at most so many, from its beginning on. */
export function ticks(span: number, most: number): number[] {
  const least = span / most;
  const step = STEPS_MS.find((one) => one >= least) ?? Math.ceil(least / DAY_MS) * DAY_MS;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, n) => n * step);
}

/** Times on a ruler: `0`, `500 ms`, `30s`, `1:30`, `2:05:00`. */
export function tickText(ms: number): string {
  if (ms === 0) return "0";
  if (ms % 1000 !== 0) return ms < 1000 ? `${ms} ms` : `${ms / 1000}s`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds}s`;
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [first = 0, ...rest] = parts[0] === 0 ? parts.slice(1) : parts;
  return [String(first), ...rest.map((part) => String(part).padStart(2, "0"))].join(":");
}
