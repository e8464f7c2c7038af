// What is asked of the catalog: a text that somebody typed, narrowed by what they clicked.
import { isSelection, term } from "@/selection/language.ts";

/** By what the catalog is narrowed, in the order in which it is shown. */
export const NARROWED_BY = ["status", "group", "owner", "kind", "tag"] as const;

export type FacetName = (typeof NARROWED_BY)[number];

export type Narrowed = Record<FacetName, readonly string[]>;

export const NOT_NARROWED: Narrowed = { status: [], group: [], owner: [], kind: [], tag: [] };

export interface Asked {
  selection: string;
  search: string | null;
}

export function askedFor(text: string, narrowed: Narrowed): Asked {
  const trimmed = text.trim();
  const parts = NARROWED_BY.filter((name) => narrowed[name].length > 0).map((name) => {
    const terms = narrowed[name].map((value) => term(name, value));
    return terms.length === 1 ? terms[0] : `(${terms.join(" or ")})`;
  });
  if (!trimmed) return { selection: parts.join(" and ") || "*", search: null };
  if (!isSelection(trimmed)) return { selection: parts.join(" and ") || "*", search: trimmed };
  return { selection: parts.length > 0 ? [`(${trimmed})`, ...parts].join(" and ") : trimmed, search: null };
}

/** The same with a value more, or without it. */
export function toggled(values: readonly string[], value: string): string[] {
  return values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
}
