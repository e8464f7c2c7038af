// An answer that stays: what was read before is shown at once, and stays while it is read anew or cannot be.
import type { CombinedError, OperationResult, TypedDocumentNode } from "@urql/core";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useView } from "@/address/use-address.ts";
import { useStore } from "@/shared/store.ts";
import { useSame } from "@/shared/use-same.ts";
import { client, heardOf, position } from "./client.ts";
import { type Problem, problemOf } from "./problem.ts";
import { useProject } from "./project.ts";
import { generation } from "./reachability.ts";
import { useRefresh } from "./use-refresh.ts";

/** What every query takes: where and when. Those that a document does not declare are not sent. */
export interface Where {
  project: string;
  environment: string;
  asOf: string | number | null;
}

export interface Answer<Data> {
  data: Data | null;
  /** Why it could not be read, or be read anew; data of before may be there all the same. */
  problem: Problem | null;
  /** Whether it is being asked for and data is none, or an answer to another question. */
  isAwaited: boolean;
  again(): void;
}

interface Options {
  /** Types of events after which it is another answer. */
  on?: readonly string[];
  /** Ask nothing yet. */
  pause?: boolean;
}

/** The moment as the API takes it: a position is a number. */
export function momentOf(asOf: string | null): string | number | null {
  return asOf !== null && /^\d+$/.test(asOf) ? Number(asOf) : asOf;
}

export function useWhere(): Where {
  const { environment, asOf } = useView();
  const project = useProject();
  return useMemo(() => ({ project, environment, asOf: momentOf(asOf) }), [project, environment, asOf]);
}

interface Held<Data> {
  key: string;
  data: Data | null;
  problem: Problem | null;
}

type Given<Variables> = Omit<Variables, keyof Where>;

/** The answer to a document, which is asked again when something happens that changes it. */
export function useAnswer<Data, Variables extends object>(
  document: TypedDocumentNode<Data, Variables>,
  given: Given<Variables>,
  { on = [], pause = false }: Options = {},
): Answer<Data> {
  const where = useWhere();
  const key = JSON.stringify([where, given]);
  const variables = useSame({ ...where, ...given }) as unknown as Variables;
  const [held, hold] = useState<Held<Data>>(() => remembered(document, variables, key));
  const [asked, ask] = useState(0);
  const all = useStore(generation);
  const again = useCallback(() => ask((n) => n + 1), []);
  const took = useRef(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: it is read anew when `asked` or `all` is another one
  useEffect(() => {
    if (pause) return;
    let isCurrent = true;
    hold((before) => (before.key === key ? before : keep(before, remembered(document, variables, key))));
    const began = performance.now();
    void read(document, variables).then(({ data, problem }) => {
      took.current = performance.now() - began;
      // what was answered to another question stays while this one is asked, and no longer
      if (isCurrent) hold((before) => ({ key, data: data ?? (before.key === key ? before.data : null), problem }));
    });
    return () => {
      isCurrent = false;
    };
  }, [document, variables, key, pause, asked, all]);

  useRefresh(on, again, took);
  return {
    data: held.data,
    problem: held.problem,
    isAwaited: held.key !== key || (!held.data && !held.problem),
    again,
  };
}

function keep<Data>(before: Held<Data>, found: Held<Data>): Held<Data> {
  return found.data ? found : before;
}

function remembered<Data, Variables extends object>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  key: string,
): Held<Data> {
  return { key, data: answered(document, variables), problem: null };
}

/** What was last answered to that, and whole. */
export function answered<Data, Variables extends object>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Data | null {
  const result = client.readQuery(document, variables);
  return result && !result.error ? (result.data ?? null) : null;
}

/**
 * Asks the server; one answer for all who ask for the same at the same time. One that lacks something is none.
 *
 * An answer that was on its way already may be older than what has made somebody ask: then it is asked once more.
 */
export async function read<Data, Variables extends object>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<{ data: Data | null; problem: Problem | null }> {
  const known = position.get();
  const ask = async () => client.query(document, variables, { requestPolicy: "network-only" });
  let result: OperationResult<Data, Variables> = await ask();
  if (isOfNow(variables) && at(result) < known) result = await ask();
  if (at(result) < Infinity) heardOf(at(result));
  const error: CombinedError | undefined = result.error;
  return error ? { data: null, problem: problemOf(error) } : { data: result.data ?? null, problem: null };
}

/** The position that an answer is true for; of one that does not say, none is later. */
function at(result: { extensions?: Record<string, unknown> | undefined }): number {
  const found = result.extensions?.position;
  return typeof found === "number" ? found : Infinity;
}

function isOfNow(variables: object): boolean {
  return !("asOf" in variables) || variables.asOf === null || variables.asOf === undefined;
}
