// Numbers that were recorded with versions, on one axis for all of them.

export interface Series {
  name: string;
  versions: readonly string[];
  partitions: readonly string[];
  positions: readonly number[];
  madeAt: readonly string[];
  values: readonly number[];
}

export interface Point {
  version: string;
  partition: string;
  madeAt: string;
}

export interface Plotted {
  /** The axis. */
  points: readonly Point[];
  /** Each as long as the axis; nothing where a version has no such number. */
  lines: readonly { name: string; values: readonly (number | null)[] }[];
}

/** One point for each version, oldest first. */
export function byVersion(series: readonly Series[]): Plotted {
  const found = new Map<string, { point: Point; position: number }>();
  for (const { versions, partitions, positions, madeAt } of series) {
    versions.forEach((version, n) => {
      if (found.has(version)) return;
      const point = { version, partition: partitions[n] ?? "", madeAt: madeAt[n] ?? "" };
      found.set(version, { point, position: positions[n] ?? 0 });
    });
  }
  const points = [...found.values()].sort((a, b) => a.position - b.position).map(({ point }) => point);
  return plotted(points, series);
}

/** One point for each partition, in the order of the keys: the latest version of it. */
export function byPartition(series: readonly Series[]): Plotted {
  const latest = new Map(byVersion(series).points.map((point) => [point.partition, point]));
  const order = new Intl.Collator("en", { numeric: true }).compare;
  return plotted(
    [...latest.values()].sort((a, b) => order(a.partition, b.partition)),
    series,
  );
}

function plotted(points: readonly Point[], series: readonly Series[]): Plotted {
  const at = new Map(points.map(({ version }, n) => [version, n]));
  const lines = series.map(({ name, versions, values }) => {
    const line = new Array<number | null>(points.length).fill(null);
    versions.forEach((version, n) => {
      const place = at.get(version);
      if (place !== undefined) line[place] = values[n] ?? null;
    });
    return { name, values: line };
  });
  // what never changes comes last
  const isSame = ({ values }: (typeof lines)[number]) => new Set(values.filter((one) => one !== null)).size < 2;
  return { points, lines: [...lines.filter((one) => !isSame(one)), ...lines.filter(isSame)] };
}

/** The last point that has the number, and the one before that has it: what it is now and was. */
export function lastTwo(values: readonly (number | null)[]): [last: number, before: number] {
  const found: number[] = [];
  for (let n = values.length - 1; n >= 0 && found.length < 2; n--) {
    if (values[n] !== null) found.push(n);
  }
  return [found[0] ?? -1, found[1] ?? -1];
}

/** The nearest point in a direction that has the number; the same one where there is none. */
export function next(values: readonly (number | null)[], from: number, step: 1 | -1): number {
  for (let n = from + step; n >= 0 && n < values.length; n += step) {
    if (values[n] !== null) return n;
  }
  return from;
}

/** Texts of numbers on an axis, with as many digits as tell them apart. */
export function apart(values: readonly number[], textOf: (value: number, digits: number) => string): string[] {
  let texts: string[] = [];
  for (let digits = 1; digits <= 6; digits++) {
    texts = values.map((value) => textOf(value, digits));
    if (new Set(texts).size === new Set(values).size) break;
  }
  return texts;
}

/** Labels in a row; one that is the same as the one before it says nothing. */
export function once(labels: readonly string[]): string[] {
  return labels.map((label, n) => (n > 0 && labels[n - 1] === label ? "" : label));
}
