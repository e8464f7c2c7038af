// How steps stand: which mark that is, and how many of a task or a run do.
import type { Mark, RunState, Standing } from "@/shared/marks.ts";
import { counted, whole } from "@/shared/numbers.ts";
import { about } from "@/shared/times.ts";
import type { Progress, StepRow, Task } from "./documents.ts";

const MARKS: Record<string, Mark> = {
  succeeded: "fresh",
  reused: "fresh",
  refused: "failed",
  failed: "failed",
  interrupted: "stale",
  retrying: "stale",
  running: "running",
  starting: "running",
};

/** The worst first, what is still to come last. */
const ORDER = [
  "failed",
  "refused",
  "interrupted",
  "retrying",
  "running",
  "starting",
  "succeeded",
  "reused",
  "skipped",
  "cancelled",
  "waiting",
  "not begun",
];

export function stepStanding(status: string): Standing {
  return { mark: MARKS[status] ?? "missing", word: status };
}

export interface Share {
  status: string;
  mark: Mark;
  count: number;
}

type Counted = Pick<Task["steps"][number], "status" | "count">;

/** Steps of several tasks by how they stand, the worst first. */
export function shares(tasks: readonly { steps: readonly Counted[] }[]): Share[] {
  const counts = new Map<string, number>();
  for (const { steps } of tasks)
    for (const { status, count } of steps) counts.set(status, (counts.get(status) ?? 0) + count);
  return [...counts]
    .map(([status, count]) => ({ status, mark: stepStanding(status).mark, count }))
    .sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
}

/** How steps of a task stand, in words: `2 failed (2013-01-03, 2013-02-11), 363 succeeded`. */
export function standingText({ steps, total }: Task): string {
  const isAlone = total === 1;
  return [...steps]
    .sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status))
    .map(({ status, count, partitions, isCut }) => {
      const words = isAlone ? status : `${whole(count)} ${status}`;
      return partitions ? `${words} (${partitions}${isCut ? ", …" : ""})` : words;
    })
    .join(", ");
}

/** What the steps that had begun say of their tasks, where nothing else does: in the past. */
export function tasksOf(steps: readonly Pick<StepRow, "assets" | "status">[]): Task[] {
  const tasks = new Map<string, { assets: string[]; counts: Map<string, number> }>();
  for (const { assets, status } of steps) {
    const key = assets.join(" ");
    const task = tasks.get(key) ?? { assets, counts: new Map() };
    task.counts.set(status, (task.counts.get(status) ?? 0) + 1);
    tasks.set(key, task);
  }
  return [...tasks.values()].map(({ assets, counts }) => {
    const of = [...counts].map(([status, count]) => ({ status, count, partitions: "", isCut: false }));
    const sum = (wanted: (status: string) => boolean) =>
      of.reduce((all, { status, count }) => all + (wanted(status) ? count : 0), 0);
    return { assets, total: sum(() => true), ended: sum(hasEnded), steps: of };
  });
}

export function hasEnded(status: string): boolean {
  return ["succeeded", "reused", "refused", "failed", "skipped"].includes(status);
}

const ENDED: ReadonlySet<RunState> = new Set(["SUCCEEDED", "FAILED", "CANCELLED", "INTERRUPTED"]);
const CAN_RETRY: ReadonlySet<RunState> = new Set(["FAILED", "CANCELLED", "INTERRUPTED"]);

export function isOver(status: RunState): boolean {
  return ENDED.has(status);
}

export function canRetry(status: RunState): boolean {
  return CAN_RETRY.has(status);
}

/** How fast a run goes on: `2.1 steps a second, about 3m 05s left`; empty where that cannot be told. */
export function paceText({ rate, secondsLeft }: Pick<Progress, "rate" | "secondsLeft">): string {
  if (rate <= 0) return "";
  const pace =
    rate >= 1 ? `${rate.toFixed(1)} steps a second` : `${counted(Math.max(1, Math.round(rate * 60)), "step")} a minute`;
  return secondsLeft === null ? pace : `${pace}, about ${about(secondsLeft * 1000)} left`;
}
