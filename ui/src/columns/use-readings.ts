import { useCallback, useEffect, useRef, useState } from "react";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import type { Problem } from "@/server/problem.ts";
import { generation } from "@/server/reachability.ts";
import { read, useWhere, type Where } from "@/server/use-answer.ts";
import { useRefresh } from "@/server/use-refresh.ts";
import { useStore } from "@/shared/store.ts";
import { COMPUTED, READERS } from "./documents.ts";
import { type ColumnOf, computedFrom, idOf, type Reading } from "./traced.ts";

/** Assets that are looked at, over all levels: who reads a graph reads no more. */
const MOST_ASSETS = 60;

export interface Readings {
  readings: readonly Reading[];
  /** Whether there is more that reads it than was looked at. */
  isCut: boolean;
  problem: Problem | null;
  isAwaited: boolean;
}

const AWAITED: Readings = { readings: [], isCut: false, problem: null, isAwaited: true };

/** What was computed from a column, level by level, as the newest versions of what reads it have it. */
export function useReadings(asset: string, column: string): Readings {
  const where = useWhere();
  const all = useStore(generation);
  const key = JSON.stringify([where, asset, column]);
  const [held, hold] = useState<{ key: string; found: Readings }>({ key, found: AWAITED });
  const [asked, ask] = useState(0);
  const took = useRef(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is looked at anew when the server is there again, and when something was made
  useEffect(() => {
    let isCurrent = true;
    const began = performance.now();
    void readingsOf(where, { asset, column }).then((found) => {
      took.current = performance.now() - began;
      if (isCurrent) hold({ key, found });
    });
    return () => {
      isCurrent = false;
    };
  }, [where, asset, column, key, all, asked]);
  useRefresh(
    ASSET_EVENTS,
    useCallback(() => ask((n) => n + 1), []),
    took,
  );
  return held.key === key ? held.found : AWAITED;
}

async function readingsOf(where: Where, subject: ColumnOf): Promise<Readings> {
  const readings: Reading[] = [];
  const seen = new Set([idOf(subject)]);
  let looked = 0;
  let problem: Problem | null = null;
  let isCut = false;
  for (let level: readonly ColumnOf[] = [subject]; level.length > 0 && !isCut; ) {
    const read = [...new Set(level.map(({ asset }) => asset))];
    const readers = new Set<string>();
    for (const answer of await Promise.all(read.map((key) => readersOf(where, key)))) {
      problem ??= answer.problem;
      for (const key of answer.keys) readers.add(key);
    }
    const taken = [...readers].slice(0, MOST_ASSETS - looked);
    isCut = taken.length < readers.size;
    looked += taken.length;
    const found = await Promise.all(taken.map((key) => computedOf(where, key, level)));
    problem ??= found.find((one) => one.problem)?.problem ?? null;
    const all = found.flatMap((one) => one.readings);
    readings.push(...all);
    level = all.filter((one) => !seen.has(idOf(one)));
    for (const one of level) seen.add(idOf(one));
  }
  return { readings, isCut, problem, isAwaited: false };
}

async function readersOf(where: Where, key: string) {
  const { data, problem } = await read(READERS, { ...where, key });
  return { keys: data?.project.environment.asset.downstream.map((one) => one.key) ?? [], problem };
}

async function computedOf(where: Where, key: string, wanted: readonly ColumnOf[]) {
  const { data, problem } = await read(COMPUTED, { ...where, key });
  const newest = data?.project.environment.asset.versions.nodes[0];
  return { readings: newest ? computedFrom(wanted, key, newest) : [], problem };
}
