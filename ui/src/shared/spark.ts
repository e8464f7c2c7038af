// A few numbers as bars, to be taken in at a glance.

/** What of its height a bar has at least, so that it can be seen. */
const LEAST = 0.08;

/** How high each is, as a part of the highest. */
export function heights(values: readonly number[]): number[] {
  const most = Math.max(...values, 0);
  return values.map((value) => (most > 0 ? Math.max(LEAST, value / most) : LEAST));
}

/** The same in words: `4.2 s; 3.9 s to 5.1 s in the last 20`. */
export function spread(values: readonly number[], textOf: (value: number) => string): string {
  const last = values.at(-1);
  if (last === undefined) return "";
  const [least, most] = [textOf(Math.min(...values)), textOf(Math.max(...values))];
  if (values.length === 1) return textOf(last);
  return `${textOf(last)}; ${least === most ? least : `${least} to ${most}`} in the last ${values.length}`;
}
