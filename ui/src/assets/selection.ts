// What is asked of the catalog: a text that somebody typed, narrowed by what they clicked.

/** By what a selection can be narrowed, in the order in which it is shown. */
export const FIELDS = ["status", "group", "owner", "kind", "tag"] as const;

export type Field = (typeof FIELDS)[number];

export type Narrowed = Record<Field, readonly string[]>;

export const NOT_NARROWED: Narrowed = { status: [], group: [], owner: [], kind: [], tag: [] };

export interface Asked {
  selection: string;
  search: string | null;
}

/** Whether a text is one of the language of selections; else it is a text to search for. */
export function isSelection(text: string): boolean {
  return /[:*?+(),"']|(^|\s)(and|or|not)(\s|$)/.test(text.trim());
}

export function askedFor(text: string, narrowed: Narrowed): Asked {
  const trimmed = text.trim();
  const parts = FIELDS.filter((field) => narrowed[field].length > 0).map((field) => {
    const terms = narrowed[field].map((value) => term(field, value));
    return terms.length === 1 ? terms[0] : `(${terms.join(" or ")})`;
  });
  if (!trimmed) return { selection: parts.join(" and ") || "*", search: null };
  if (!isSelection(trimmed)) return { selection: parts.join(" and ") || "*", search: trimmed };
  return { selection: parts.length > 0 ? [`(${trimmed})`, ...parts].join(" and ") : trimmed, search: null };
}

/** An attribute, quoted where its value has anything that the language takes for its own. */
export function term(field: Field, value: string): string {
  if (/^[^\s(),+"']+$/.test(value)) return `${field}:${value}`;
  return `${field}:"${value.replaceAll('"', `"'"'"`)}"`;
}

/** The same with a value more, or without it. */
export function toggled(values: readonly string[], value: string): string[] {
  return values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
}

/** Exactly these assets, as a selection. */
export function ofKeys(keys: Iterable<string>): string {
  return [...keys]
    .map((key) => (/^[^\s(),+"':]+$/.test(key) && !/^(and|or|not|\d+)$/.test(key) ? key : `"${key}"`))
    .join(", ");
}
