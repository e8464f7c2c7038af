import { type ReactNode, useState } from "react";
import { useParams } from "wouter";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useGo, useParam } from "@/address/use-address.ts";
import { useRetry } from "@/runs/use-retry.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { useFollowed } from "@/server/use-followed.ts";
import { Act, Button } from "@/shared/button.tsx";
import { Empty, PageHead, Problem, Skeleton } from "@/shared/panels.tsx";
import { type Tab, Tabs } from "@/shared/tabs.tsx";
import { sweptBy } from "@/versions/variants.ts";
import { PROGRESS, type Progress, RUN, type RunOf, STATE_EVENTS, type Task } from "./documents.ts";
import { Failures } from "./failures.tsx";
import { Logs } from "./logs.tsx";
import { Matrix } from "./matrix.tsx";
import styles from "./run.module.css";
import { Said } from "./said.tsx";
import { canRetry, isOver, tasksOf } from "./standing.ts";
import { Steps } from "./steps.tsx";
import { TaskList } from "./task-list.tsx";
import { useCancel } from "./use-cancel.ts";
import { useSteps } from "./use-steps.ts";

function tabsOf(progress: Progress | null, tab: string): Tab[] {
  const hasPartitions = !progress || progress.tasks.some(({ steps }) => steps.some((one) => one.partitions !== ""));
  return [
    { name: "", label: "Assets" },
    { name: "steps", label: "Steps in time" },
    ...(hasPartitions || tab === "partitions" ? [{ name: "partitions", label: "Partitions" }] : []),
    { name: "logs", label: "Logs" },
  ];
}

const NO_TASKS: readonly Task[] = [];

/** A run as it goes on: how far it is, what failed, and what each step does. */
export default function Run() {
  const { id = "" } = useParams<{ id: string }>();
  const { data, problem, isAwaited, again } = useAnswer(RUN, { run: id }, { on: STATE_EVENTS });
  const found = data?.project.run;
  if (found && !isAwaited)
    return <Found key={found.id} run={found} problem={problem && <Problem problem={problem} again={again} />} />;
  if (!problem) return <Skeleton lines={12} />;
  if (problem.passes) return <Problem problem={problem} again={again} />;
  return (
    <Empty title="This run is not there">
      <p>{problem.message}</p>
      <Link to="/runs">All runs</Link>
    </Empty>
  );
}

function Found({ run: known, problem }: { run: RunOf; problem: ReactNode }) {
  const tab = useParam("tab");
  const change = useChange();
  const go = useGo();
  const retry = useRetry();
  const cancel = useCancel();
  const [isBusy, setBusy] = useState(false);
  const followed = useFollowed(PROGRESS, { run: known.id }, known.status);
  const progress = followed.data?.runProgress ?? null;
  const run = progress ? { ...known, ...progress.run } : known;
  const tabs = tabsOf(progress, tab);
  const swept = sweptBy(progress?.tasks ?? []);

  /** One click, one run. */
  async function busy(doing: () => Promise<void>) {
    setBusy(true);
    await doing().finally(() => setBusy(false));
  }

  return (
    <div className={styles.page}>
      <PageHead
        title={run.selection === "*" ? "All assets" : run.selection}
        actions={
          <>
            {swept && (
              <Button onClick={() => go(pathOf("assets", swept), { tab: "versions", side: "1", run: run.id })}>
                Compare variants
              </Button>
            )}
            {canRetry(run.status) && (
              <Act
                needs="OPERATOR"
                primary
                disabled={isBusy}
                onClick={() =>
                  void busy(async () => {
                    const [next] = await retry([run]);
                    if (next) go(pathOf("runs", next));
                  })
                }
              >
                Retry
              </Act>
            )}
            {!isOver(run.status) && (
              <Act needs="OPERATOR" danger disabled={isBusy} onClick={() => void busy(() => cancel(run.id))}>
                Cancel
              </Act>
            )}
          </>
        }
      >
        <span className={styles.partitions} title={run.partitions}>
          {run.partitions}
        </span>
      </PageHead>
      {problem}
      {followed.problem && <Problem problem={followed.problem} />}
      <Said run={run} progress={progress} />
      {progress && <Failures progress={progress} />}
      <Tabs
        label="Views of the run"
        tabs={tabs}
        open={tab}
        clears={["asset", "status", "step", "path", "closed", "try", "in", "q", "line", "level", "fold"]}
      />
      <section className={styles.body} aria-label={tabs.find(({ name }) => name === tab)?.label}>
        {tab === "steps" ? (
          <Steps run={run} />
        ) : tab === "partitions" ? (
          <Matrix run={run} tasks={progress?.tasks ?? NO_TASKS} />
        ) : tab === "logs" ? (
          <Logs run={run} />
        ) : (
          <Tasks run={run} progress={progress} open={([asset]) => change({ tab: "steps", asset }, { step: true })} />
        )}
      </section>
    </div>
  );
}

interface TasksProps {
  run: RunOf;
  progress: Progress | null;
  open(assets: readonly string[]): void;
}

function Tasks({ run, progress, open }: TasksProps) {
  if (progress) return <Listed tasks={progress.tasks} open={open} />;
  return <Past run={run} open={open} />;
}

/** Of the past, and until the server has told how far it is: what the steps that had begun say. */
function Past({ run, open }: Omit<TasksProps, "progress">) {
  const { rows, isAwaited, problem, again } = useSteps(run.id);
  if (problem) return <Problem problem={problem} again={again} />;
  if (isAwaited && rows.length === 0) return <Skeleton lines={8} height={33} />;
  return <Listed tasks={tasksOf(rows)} open={open} />;
}

function Listed({ tasks, open }: { tasks: readonly Task[]; open(assets: readonly string[]): void }) {
  if (tasks.length === 0) return <Empty title="Nothing is planned yet" />;
  return <TaskList tasks={tasks} open={({ assets }) => open(assets)} />;
}
