// What became of columns from version to version.

export interface Column {
  name: string;
  type: string;
  nullable: boolean;
}

interface Version {
  id: string;
  columns: { nodes: readonly Column[] };
}

export interface ColumnChange {
  name: string;
  before: string | null;
  after: string | null;
}

export interface Step<V extends Version> {
  before: V;
  after: V;
  changes: readonly ColumnChange[];
}

/** A type with what it may be, as schemas write it: `double?`. */
export function typeText({ type, nullable }: Column): string {
  return nullable ? `${type}?` : type;
}

/** The versions that have other columns than the one made before them, newest first as they are given. */
export function stepsOf<V extends Version>(newestFirst: readonly V[]): Step<V>[] {
  return newestFirst.slice(0, -1).flatMap((after, n) => {
    const before = newestFirst[n + 1]!;
    const changes = changesOf(before.columns.nodes, after.columns.nodes);
    return changes.length > 0 ? [{ before, after, changes }] : [];
  });
}

/** What columns there are otherwise, and of which type they were and are. */
export function changesOf(before: readonly Column[], after: readonly Column[]): ColumnChange[] {
  const [was, is] = [typesOf(before), typesOf(after)];
  return [...new Set([...is.keys(), ...was.keys()])]
    .map((name) => ({ name, before: was.get(name) ?? null, after: is.get(name) ?? null }))
    .filter(({ before, after }) => before !== after);
}

function typesOf(columns: readonly Column[]): Map<string, string> {
  return new Map(columns.map((column) => [column.name, typeText(column)]));
}

/** How long a column was one thing: of a type, or, with none, not there. */
export interface Era<V extends Version> {
  type: string | null;
  /** The first version that has it so. */
  since: V;
  versions: number;
}

/** What a column was from version to version, oldest first; what was before it came is no part of it. */
export function erasOf<V extends Version>(newestFirst: readonly V[], name: string): Era<V>[] {
  const eras: Era<V>[] = [];
  for (const version of newestFirst.toReversed()) {
    const column = version.columns.nodes.find((one) => one.name === name);
    const type = column ? typeText(column) : null;
    const last = eras.at(-1);
    if (last?.type === type) last.versions += 1;
    else if (last || type !== null) eras.push({ type, since: version, versions: 1 });
  }
  return eras;
}

/** Columns that versions before had, and the newest one has not; what went last comes first. */
export function goneOf(newestFirst: readonly Version[]): string[] {
  const [newest, ...before] = newestFirst;
  const there = new Set(newest?.columns.nodes.map(({ name }) => name));
  return [...new Set(before.flatMap(({ columns }) => columns.nodes.map(({ name }) => name)))].filter(
    (name) => !there.has(name),
  );
}
