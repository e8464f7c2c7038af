// Partitions by their keys, as the language of partitions has them.

interface Ranges {
  first: readonly { start: number; firstKey: string }[];
  last: readonly { start: number; firstKey: string }[];
}

/** From the first of two partitions to the last: `2026-01-01..2026-01-31`, or the one that it is. Null where nobody knows. */
export function keysText(sets: readonly Ranges[], first: number, last: number): string | null {
  const from = keyOf(sets, "first", first);
  const to = keyOf(sets, "last", last);
  if (from === null || to === null) return null;
  return first === last ? from : `${from}..${to}`;
}

/** Each set says where it goes on at or behind the number: the one that goes on right there holds it. */
function keyOf(sets: readonly Ranges[], which: "first" | "last", number: number): string | null {
  return sets.flatMap((set) => set[which]).find(({ start }) => start === number)?.firstKey ?? null;
}
