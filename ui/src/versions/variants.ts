// Versions side by side, as rows: what each was made with, and how well it did.
import { valueText } from "@/shared/json.ts";
import type { Comparison } from "./documents.ts";

export interface Variant {
  id: string;
  partition: string;
  madeAt: string;
  run: string;
  isHead: boolean;
  isRetracted: boolean;
  /** By column of the comparison; a version has several values of what was read with several. */
  parameters: readonly string[];
  metrics: readonly (number | null)[];
}

/** The rows in their order. */
export function variants({ nodes, isHead, isRetracted, parameters, metrics }: Comparison): Variant[] {
  return nodes.map((node, n) => ({
    ...node,
    isHead: isHead[n] ?? false,
    isRetracted: isRetracted[n] ?? false,
    parameters: parameters.map(({ values }) => written((values as unknown[])[n])),
    metrics: metrics.map(({ values }) => values[n] ?? null),
  }));
}

function written(values: unknown): string {
  return Array.isArray(values) ? values.map((value) => valueText(value)).join(" | ") : "";
}

/** How it is sorted after a click on a metric: highest first, then lowest, then as they were made. */
export function sortedNext(by: string, isLowest: boolean, metric: string): { by: string; isLowest: boolean } {
  if (by !== metric) return { by: metric, isLowest: false };
  return isLowest ? { by: "", isLowest: false } : { by, isLowest: true };
}

/** The asset that a run makes in several variants, if there is one; the last one, in which all others show. */
export function sweptBy(tasks: readonly { assets: readonly string[]; trials: number }[]): string | null {
  return tasks.findLast(({ trials }) => trials > 1)?.assets[0] ?? null;
}
