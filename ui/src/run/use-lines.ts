import { useCallback, useEffect, useRef, useState } from "react";
import type { Problem } from "@/server/problem.ts";
import { generation } from "@/server/reachability.ts";
import { read, useWhere } from "@/server/use-answer.ts";
import { useStore } from "@/shared/store.ts";
import { useSame } from "@/shared/use-same.ts";
import { LINES, type LinesPage } from "./documents.ts";
import { type Lines, NO_LINES, withEarlier, withMore } from "./lines.ts";

/** How often it is asked for lines of what goes on: they are no events that somebody could be told of. */
const EVERY_MS = 1_000;
const PAGE = 1_000;

interface Asked {
  run: string;
  /** Null for all steps. */
  step: number | null;
  search: string;
  /** The cursor of a line to begin around; without, it is begun at the end. */
  around: string | null;
}

interface Held {
  key: string;
  lines: Lines;
  problem: Problem | null;
  isAwaited: boolean;
}

export interface Read extends Omit<Held, "key"> {
  earlier(): void;
  more(): void;
  again(): void;
}

/** Lines of a run or of a step: the last ones or those around one, more of them at either end, and new ones as they come. */
export function useLines(given: Asked): Read {
  const where = useWhere();
  const asked = useSame(given);
  const key = JSON.stringify([where, asked]);
  const [held, hold] = useState<Held>({ key, lines: NO_LINES, problem: null, isAwaited: true });
  const [tries, tryAgain] = useState(0);
  const all = useStore(generation);
  const now = useRef(held);
  now.current = held;
  const reading = useRef<symbol | null>(null);

  const page = useCallback(
    async (
      how: { first?: number; after?: string | null; last?: number; before?: string | null },
      add: typeof withMore,
    ) => {
      if (reading.current) return;
      const mine = Symbol();
      reading.current = mine;
      const { run, step, search } = asked;
      const { data, problem } = await read(LINES, { ...where, run, step, search, ...how });
      if (reading.current !== mine) return; // something else was asked meanwhile
      reading.current = null;
      const found: LinesPage | undefined = data?.project.run.logs;
      hold((before) => {
        const lines = found ? add(before.lines, found) : before.lines;
        return { key, lines, problem, isAwaited: false };
      });
    },
    [where, asked, key],
  );

  const more = useCallback(() => page({ first: PAGE, after: now.current.lines.end }, withMore), [page]);
  const earlier = useCallback(() => {
    const { hasEarlier, start } = now.current.lines;
    if (hasEarlier && start !== null) void page({ last: PAGE, before: start }, withEarlier);
  }, [page]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: it is begun anew when somebody asks for that
  useEffect(() => {
    reading.current = null;
    hold({ key, lines: NO_LINES, problem: null, isAwaited: true });
    if (asked.search) void page({ first: PAGE }, withMore);
    else if (asked.around === null) void page({ last: PAGE }, withMore);
    else void page({ last: PAGE / 2, before: asked.around }, withMore).then(more);
  }, [page, tries]);

  const { lines, problem, isAwaited } = held;
  const isLost = problem !== null && lines.end === null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is asked again when the server is there again
  useEffect(() => {
    if (isLost) tryAgain((n) => n + 1);
  }, [all]);

  const isLive = where.asOf === null && !isAwaited && !isLost && !lines.isOver && !lines.hasMore;
  useEffect(() => {
    if (!isLive) return;
    const timer = setInterval(() => document.hidden || void more(), EVERY_MS);
    return () => clearInterval(timer);
  }, [isLive, more]);

  return {
    lines: held.key === key ? lines : NO_LINES,
    problem,
    isAwaited: isAwaited || held.key !== key,
    earlier,
    more: useCallback(() => void (now.current.lines.hasMore && more()), [more]),
    again: useCallback(() => tryAgain((n) => n + 1), []),
  };
}
