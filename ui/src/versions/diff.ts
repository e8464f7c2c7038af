// Unified diffs, line by line.

export interface DiffLine {
  kind: "added" | "removed" | "place" | "same";
  text: string;
}

/** The lines of a diff, without the names of its files. */
export function diffLines(diff: string): DiffLine[] {
  return diff
    .replace(/\n$/, "")
    .split("\n")
    .flatMap((line, n): DiffLine[] => {
      if (n < 2 && /^(---|\+\+\+)( |$)/.test(line)) return [];
      if (line.startsWith("@@")) return [{ kind: "place", text: line }];
      if (line.startsWith("+")) return [{ kind: "added", text: line.slice(1) }];
      if (line.startsWith("-")) return [{ kind: "removed", text: line.slice(1) }];
      return [{ kind: "same", text: line.replace(/^ /, "") }];
    });
}
