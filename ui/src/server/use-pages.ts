// A long list by its pages: more as somebody scrolls, and all that is there anew when something happens.
import type { TypedDocumentNode } from "@urql/core";
import { useCallback, useEffect, useRef, useState } from "react";
import { useStore } from "@/shared/store.ts";
import { useSame } from "@/shared/use-same.ts";
import type { Problem } from "./problem.ts";
import { generation } from "./reachability.ts";
import { answered, read, useWhere, type Where } from "./use-answer.ts";
import { useRefresh } from "./use-refresh.ts";

export interface Page<Row> {
  nodes: Row[];
  pageInfo: { endCursor: string | null; hasNextPage: boolean };
  totalCount?: number;
}

export interface Pages<Row> {
  rows: Row[];
  /** Length of the whole list; null where nobody counted. */
  total: number | null;
  hasMore: boolean;
  /** Reads the next page, unless that is on its way. */
  more(): void;
  problem: Problem | null;
  /** Whether the rows are none yet, or those of another question. */
  isAwaited: boolean;
  again(): void;
}

interface Held<Row> {
  key: string;
  rows: Row[];
  total: number | null;
  end: string | null;
  hasMore: boolean;
  problem: Problem | null;
}

interface Asks {
  first: number;
  after?: string | null;
}

const FIRST = 100;
const MOST = 1_000;

/** The rows of a list. `pick` finds the page in the answer. */
export function usePages<Data, Variables extends Asks, Row>(
  document: TypedDocumentNode<Data, Variables>,
  given: Omit<Variables, keyof Where | keyof Asks>,
  pick: (data: Data) => Page<Row>,
  { on = [] }: { on?: readonly string[] } = {},
): Pages<Row> {
  const where = useWhere();
  const key = JSON.stringify([where, given]);
  const base = useSame({ ...where, ...given });
  const picked = useRef(pick);
  picked.current = pick;
  const ask = useCallback(
    (first: number, after: string | null) => ({ ...base, first, after }) as unknown as Variables,
    [base],
  );

  const [held, hold] = useState<Held<Row>>(() => begun(key, answered(document, ask(FIRST, null))));
  const [asked, askAgain] = useState(0);
  const all = useStore(generation);
  const again = useCallback(() => askAgain((n) => n + 1), []);
  const took = useRef(0);
  const now = useRef(held);
  now.current = held;
  const isReading = useRef(false);

  function begun(key: string, data: Data | null | undefined): Held<Row> {
    const page = data ? picked.current(data) : null;
    return { key, rows: page?.nodes ?? [], ...ending(page), problem: null };
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: it is read anew when `asked` or `all` is another one
  useEffect(() => {
    let isCurrent = true;
    const known = now.current;
    if (known.key !== key) {
      const data = answered(document, ask(FIRST, null));
      if (data) hold(begun(key, data));
    }
    // As many rows as there are, so that none is left out or twice where the list has changed meanwhile.
    const count = known.key === key ? Math.max(FIRST, known.rows.length) : FIRST;
    const began = performance.now();
    void walk(count).then((found) => {
      took.current = performance.now() - began;
      // rows of another question stay while this one is asked, and no longer
      if (isCurrent) hold((before) => ({ ...(before.key === key ? before : begun(key, null)), ...found }));
    });
    return () => {
      isCurrent = false;
    };

    async function walk(count: number): Promise<Partial<Held<Row>>> {
      const rows: Row[] = [];
      let page: Page<Row> | null = null;
      do {
        const asks = ask(Math.min(MOST, Math.max(FIRST, count - rows.length)), page?.pageInfo.endCursor ?? null);
        const { data, problem } = await read(document, asks);
        if (!data || !isCurrent) return problem ? { problem } : {};
        page = picked.current(data);
        rows.push(...page.nodes);
      } while (rows.length < count && page.pageInfo.hasNextPage);
      return { rows, ...ending(page), problem: null };
    }
  }, [document, ask, key, asked, all]);

  const more = useCallback(() => {
    const from = now.current;
    if (isReading.current || !from.hasMore || from.key !== key) return;
    isReading.current = true;
    void read(document, ask(Math.max(FIRST, Math.min(MOST, from.rows.length)), from.end)).then(({ data, problem }) => {
      isReading.current = false;
      if (now.current !== from) return; // it was read anew meanwhile; who still looks at its end asks again
      if (!data) return hold({ ...from, problem });
      const page = picked.current(data);
      hold({
        ...from,
        rows: [...from.rows, ...page.nodes],
        ...ending(page),
        total: page.totalCount ?? from.total,
        problem,
      });
    });
  }, [document, ask, key]);

  useRefresh(on, again, took);
  const isAwaited =
    held.key !== key || (held.rows.length === 0 && held.end === null && held.total === null && !held.problem);
  return { rows: held.rows, total: held.total, hasMore: held.hasMore, more, problem: held.problem, isAwaited, again };
}

function ending(page: Page<unknown> | null): { end: string | null; hasMore: boolean; total: number | null } {
  return {
    end: page?.pageInfo.endCursor ?? null,
    hasMore: page?.pageInfo.hasNextPage ?? false,
    total: page?.totalCount ?? null,
  };
}
