// What somebody wants to have made, as it stands in the address: over whatever page they are on.
import type { Params } from "@/address/address.ts";

export type Only = "" | "MISSING" | "STALE" | "FAILED";

/** Of each parameter the values that are tried: mostly one, which then holds throughout. */
export type Tried = Readonly<Record<string, readonly unknown[]>>;

export interface Asked {
  selection: string;
  /** The workflow or launch plan that is launched, by its name; empty where assets are selected. */
  launch: string;
  /** Which partitions, by their keys; all without. */
  partition: string;
  only: Only;
  /** Whether it is computed whatever there is. */
  force: boolean;
  tried: Tried;
  /** Whether the n-th values are tried together; else every combination of them. */
  zipped: boolean;
}

export const NOTHING: Asked = {
  selection: "",
  launch: "",
  partition: "",
  only: "",
  force: false,
  tried: {},
  zipped: false,
};

const ONLY: readonly Only[] = ["MISSING", "STALE", "FAILED"];

/** What is asked for in an address; null where the dialog is not open. */
export function askedIn(search: string): Asked | null {
  const found = new URLSearchParams(search);
  if (found.get("do") !== "materialize") return null;
  return {
    selection: found.get("sel") ?? "",
    launch: found.get("launch") ?? "",
    partition: found.get("part") ?? "",
    only: ONLY.find((one) => one.toLowerCase() === found.get("only-these")) ?? "",
    force: found.get("force") === "1",
    tried: triedIn(found.get("with") ?? "") ?? {},
    zipped: found.get("zip") === "1",
  };
}

/** The same as parameters of an address. */
export function askedAs({ selection, launch, partition, only, force, tried, zipped }: Asked): Params {
  return {
    do: "materialize",
    sel: selection,
    launch,
    part: partition,
    "only-these": only.toLowerCase(),
    force: force ? "1" : null,
    with: Object.keys(tried).length > 0 ? JSON.stringify(tried) : null,
    zip: zipped ? "1" : null,
  };
}

/** The parameters of an address in which nothing is asked for any more. */
export const CLOSED: Params = Object.fromEntries(Object.keys(askedAs(NOTHING)).map((name) => [name, null]));

/** `{"train.depth": [3, 6]}`, as it is written; null for what is no such thing. */
export function triedIn(text: string): Tried | null {
  if (!text.trim()) return {};
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== "object" || found === null || Array.isArray(found)) return null;
    const all = Object.values(found);
    return all.every((values) => Array.isArray(values) && values.length > 0) ? (found as Tried) : null;
  } catch {
    return null;
  }
}

/**
 * How many times it is made: once for every combination of values, or for the n-th ones together; null where some
 * have no n-th. What has one value has it throughout.
 */
export function trials(tried: Tried, zipped: boolean): number | null {
  const counts = Object.values(tried).map((values) => values.length);
  if (zipped) {
    const most = Math.max(1, ...counts);
    return counts.every((count) => count === 1 || count === most) ? most : null;
  }
  return counts.reduce((all, one) => all * one, 1);
}
