import { useEffect, useMemo, useRef, useState } from "react";
import { ofKeys } from "@/selection/language.ts";
import { read, useAnswer, useWhere } from "@/server/use-answer.ts";
import { type Critical, critical, groupsOf, notBegun, readsOf } from "./critical.ts";
import {
  type AssetGraph,
  ATTEMPTS,
  JOB_EVENTS,
  JOBS,
  PLANNED,
  READ_BY,
  type RunOf,
  STATE_EVENTS,
  STEP_EVENTS,
  type StepRow,
  TIMELINE,
  type Timeline,
} from "./documents.ts";
import { handedOver } from "./gantt.ts";
import { isOver } from "./standing.ts";
import { lapOf, type Try } from "./time-scale.ts";

/** The names of more assets are a longer question than it is worth. */
const MOST_ASSETS = 1_000;
/** Of so many steps the attempts before the last are looked for. */
const MOST_TRIED = 40;
/** Of what nobody has begun so much is listed. */
const MOST_WAITING = 200;

export interface Known {
  /** The chain of steps that the run took as long as, and for what each waited. */
  chain: Critical;
  /** The group of each asset. */
  groupOf: ReadonlyMap<string, string>;
  /** Whether some of them are jobs in other systems. */
  hasJobs: boolean;
  /** Whether that is not known yet of anything, and nothing was shown without it. */
  isAwaited: boolean;
}

const NOTHING: Omit<Known, "isAwaited"> = {
  chain: { path: new Set(), ready: new Map() },
  groupOf: new Map(),
  hasJobs: false,
};

/**
 * What the assets say of steps that make them; nothing until that is known, and of too many. As others begin, what is
 * known of those before stays until it is known of all.
 */
export function useKnown(run: RunOf, rows: readonly StepRow[]): Known {
  // elements of a list are no assets, and what made them is read as a whole
  const keys = [...new Set(rows.flatMap(({ assets }) => assets))].filter((key) => !key.includes("["));
  const selection = ofKeys(keys.sort());
  const isAsked = keys.length > 0 && keys.length <= MOST_ASSETS;
  const { data, isAwaited } = useAnswer(READ_BY, { of: run.environment, selection }, { pause: !isAsked });
  const graph = isAsked ? data?.project.environment.assetGraph : null;
  const known = useMemo(() => (graph ? knownOf(graph, rows) : NOTHING), [graph, rows]);
  // who reads the list keeps it, with the place where they are and what they look at
  const isShown = useRef(false);
  const isBlank = keys.length > 1 && isAsked && isAwaited && !graph && !isShown.current;
  useEffect(() => {
    if (rows.length > 0 && !isBlank) isShown.current = true;
  }, [rows.length, isBlank]);
  return { ...known, isAwaited: isBlank };
}

function knownOf(graph: AssetGraph, rows: readonly StepRow[]): Omit<Known, "isAwaited"> {
  // steps of one asset wait for none of each other that this page knows of
  const chain = graph.keys.length > 1 ? critical(rows, readsOf(graph)) : NOTHING.chain;
  return { chain, groupOf: groupsOf(graph), hasJobs: graph.connectors.length > 0 };
}

/** When the attempts before the last one ran, by the number of the step. */
export function useTries(run: RunOf, rows: readonly StepRow[]): ReadonlyMap<number, readonly Try[]> {
  const where = useWhere();
  const [tries, hold] = useState<ReadonlyMap<number, readonly Try[]>>(new Map());
  const asked = useRef(new Set<string>());
  const tried = rows.filter(({ attempt }) => attempt > 1).slice(0, MOST_TRIED);
  const wanted = tried.map(({ number, attempt }) => `${number} ${attempt}`).join(",");
  useEffect(() => {
    const begin = new Date(run.requestedAt).getTime();
    for (const one of wanted.split(",").filter((one) => one && !asked.current.has(one))) {
      asked.current.add(one);
      const [number = 0] = one.split(" ").map(Number);
      void read(ATTEMPTS, { ...where, run: run.id, above: number - 1 }).then(({ data }) => {
        const found = data?.project.run.steps.nodes[0];
        if (found?.number !== number) return;
        const laps = found.attempts.slice(0, -1).flatMap((attempt) => {
          const lap = lapOf(attempt, begin);
          return lap ? [{ ...lap, attempt: attempt.number }] : [];
        });
        hold((before) => new Map([...before, [number, laps]]));
      });
    }
  }, [where, run.id, run.requestedAt, wanted]);
  return tries;
}

/** Steps that nobody has begun, the first of them, while somebody may. */
export function useWaiting(run: RunOf, rows: readonly StepRow[], isWhole: boolean): readonly StepRow[] {
  const isAsked = isWhole && !isOver(run.status);
  const { data, isAwaited } = useAnswer(PLANNED, { run: run.id }, { on: STATE_EVENTS, pause: !isAsked });
  const planned = isAsked && !isAwaited ? data?.project.whyRun.planned.nodes : null;
  return useMemo(
    () => (planned ? notBegun(planned, new Set(rows.map(({ number }) => number)), MOST_WAITING) : []),
    [planned, rows],
  );
}

const NO_JOBS: ReadonlyMap<string, number | null> = new Map();

/**
 * When other systems were given what attempts are, of a run that has jobs there: in that of one that has none, all
 * events would be passed over to say so.
 */
export function useJobs(run: RunOf, hasJobs: boolean): ReadonlyMap<string, number | null> {
  const given = { run: run.id, types: [...JOB_EVENTS] };
  const { data, isAwaited } = useAnswer(JOBS, given, { on: JOB_EVENTS, pause: !hasJobs });
  const told = isAwaited ? null : data?.project.events.nodes;
  return useMemo(
    () => (told && told.length > 0 ? handedOver(told, new Date(run.requestedAt).getTime()) : NO_JOBS),
    [told, run.requestedAt],
  );
}

/** When steps ran, of those that have begun. */
export function useTimeline(run: string): Timeline | null {
  const { data, isAwaited } = useAnswer(TIMELINE, { run }, { on: STEP_EVENTS });
  return isAwaited ? null : (data?.project.run.timeline ?? null);
}
