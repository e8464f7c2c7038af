// How an asset is made, as its author says it: what is not said, and so is as always, is left out.
import { entriesOf, valueText } from "@/shared/json.ts";
import { bytes, counted } from "@/shared/numbers.ts";
import { duration } from "@/shared/times.ts";
import type { AssetPage } from "./asset-documents.ts";

type Fact = [name: string, text: string];

/** Retries, limits, reuse and what it needs, in words. */
export function policyFacts(policies: AssetPage["policies"]): Fact[] {
  const { retries, timeouts, reuse, needs, pool, priority, image, partitionsPerCall, each } = policies;
  const limits = Object.entries({
    running: timeouts.runningMs,
    waiting: timeouts.queuedMs,
    "in all": timeouts.totalMs,
  }).flatMap(([name, ms]) => (ms === null ? [] : [`${duration(ms)} ${name}`]));
  const needed = [
    needs.cpu !== 1 && counted(needs.cpu, "core"),
    needs.memoryBytes !== null && `${bytes(needs.memoryBytes)} of memory`,
    needs.gpu > 0 && counted(needs.gpu, "GPU"),
  ].filter(Boolean);
  const facts: Fact[] = [
    ["Retries", retries.most > 0 ? `${retries.most}, the first after ${duration(retries.backoffMs)}` : ""],
    ["Time limits", limits.join(", ")],
    ["Reuse", !reuse.isOn ? "never" : reuse.windowMs === null ? "" : `for ${duration(reuse.windowMs)}`],
    ["Needs", needed.join(", ")],
    ["Pool", pool],
    ["Priority", priority === 0 ? "" : String(priority)],
    ["Image", image],
    ["At once", partitionsPerCall > 1 ? `up to ${counted(partitionsPerCall, "partition")}` : ""],
    ["For each of", each.join(", ")],
  ];
  return facts.filter(([, text]) => text !== "");
}

/** By upstream asset which of its partitions are read, where that is not the one of the same key. */
export function partitionsRead(inputs: AssetPage["inputs"]): ReadonlyMap<string, string> {
  const found = new Map<string, string[]>();
  for (const { asset, mapping, partitions, loads } of inputs) {
    const notes = [mapping !== "IDENTITY" && partitions, !loads && "waited for"].filter((note) => note !== false);
    if (notes.length > 0) found.set(asset, [...(found.get(asset) ?? []), ...notes]);
  }
  return new Map([...found].map(([asset, notes]) => [asset, notes.join(", ")]));
}

/** What its resources are configured to, by name. */
export function resourceFacts(resources: AssetPage["resources"]): Fact[] {
  return resources.map(({ resource, values }) => [
    `Resource ${resource}`,
    values === null
      ? "not configured here"
      : entriesOf(values)
          .map(([name, value]) => `${name}: ${valueText(value)}`)
          .join(", ") || "as it is",
  ]);
}
