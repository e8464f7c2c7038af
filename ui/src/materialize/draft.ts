// What is being written of parameters: values that there are already, and those that there are not yet.
import type { Tried } from "./asked.ts";
import { wrongIn } from "./fields.ts";

/** By parameter the values that are tried; undefined for a field that nothing is written in. */
export type Draft = Readonly<Record<string, readonly unknown[]>>;

/** What of it is asked for: what is written. Null where something of it is no value. */
export function askedOf(draft: Draft): Tried | null {
  const all = Object.entries(draft)
    .map(([name, values]) => [name, values.filter((value) => value !== undefined)] as const)
    .filter(([, values]) => values.length > 0);
  return all.some(([, values]) => wrongIn(values) !== null) ? null : Object.fromEntries(all);
}

/** The n-th value of a parameter is another one; at least one field is there for each. */
export function withValue(draft: Draft, name: string, n: number, value: unknown): Draft {
  const values = fieldsOf(draft, name).map((one, m) => (m === n ? value : one));
  return { ...draft, [name]: values };
}

export function withAnother(draft: Draft, name: string): Draft {
  return { ...draft, [name]: [...fieldsOf(draft, name), undefined] };
}

export function without(draft: Draft, name: string, n: number): Draft {
  return { ...draft, [name]: fieldsOf(draft, name).filter((_, m) => m !== n) };
}

export function fieldsOf(draft: Draft, name: string): readonly unknown[] {
  const values = draft[name] ?? [];
  return values.length > 0 ? values : [undefined];
}
