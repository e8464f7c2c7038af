import { stringifyDocument } from "@urql/core";
import { useEffect, useMemo, useState } from "react";
import type { ResultOf } from "@/graphql.ts";
import { heardOf } from "@/server/client.ts";
import { follow } from "@/server/follow.ts";
import type { Problem } from "@/server/problem.ts";
import { useAnswer, useWhere } from "@/server/use-answer.ts";
import { ASSET_CHANGES, LINEAGE } from "./documents.ts";
import { type Graph, graphOf, numbersOf, withChanges } from "./graph.ts";

/** After these there may be other assets, or other edges. */
const REDEFINED = ["deployment.created", "environment.promoted", "environment.deployed"] as const;

/** The graph of what is selected; how its assets stand is kept up without asking for all of it again. */
export function useLineage(selection: string): {
  graph: Graph | null;
  problem: Problem | null;
  isAwaited: boolean;
  again(): void;
} {
  const where = useWhere();
  const { data, problem, isAwaited, again } = useAnswer(LINEAGE, { selection }, { on: REDEFINED });
  const answered = data?.project.environment ?? null;
  const read = useMemo(() => answered && graphOf(answered.assetGraph), [answered]);
  const [now, setNow] = useState<{ of: Graph | null; graph: Graph | null }>({ of: null, graph: null });
  const { project, environment, asOf } = where;

  useEffect(() => {
    if (!read || !answered || asOf !== null) return;
    const numbers = numbersOf(read);
    let graph = read;
    return follow<ResultOf<typeof ASSET_CHANGES>>(
      {
        query: stringifyDocument(ASSET_CHANGES),
        variables: { project, environment },
        after: String(answered.position),
      },
      {
        item({ assetChanges }) {
          heardOf(assetChanges.position);
          const changed = withChanges(graph, numbers, assetChanges);
          if (changed.graph !== graph) setNow({ of: read, graph: changed.graph });
          graph = changed.graph;
        },
      },
    );
  }, [read, answered, project, environment, asOf]);

  return { graph: now.of === read && now.graph ? now.graph : read, problem, isAwaited, again };
}
