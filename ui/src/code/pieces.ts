// Highlighted text as lines of pieces: what the highlighter marks may run over several lines.

export interface Piece {
  text: string;
  /** What it is in the language; empty for what is nothing in particular. */
  kind: string;
}

const MARKUP = /<span class="([^"]*)">|<\/span>|&(amp|lt|gt|quot|#x27);|[^<&]+/g;
const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'" };

/** The lines of what highlight.js wrote; a piece is of the innermost kind that holds it. */
export function linesOf(html: string): Piece[][] {
  const lines: Piece[][] = [[]];
  const kinds: string[] = [];
  for (const [found, kind, entity] of html.matchAll(MARKUP)) {
    if (kind !== undefined) kinds.push(kind.replace(/^hljs-/, "").split(/[ .]/)[0]!);
    else if (found === "</span>") kinds.pop();
    else add(entity ? ENTITIES[entity]! : found, kinds.at(-1) ?? "");
  }
  return lines;

  function add(text: string, kind: string): void {
    text.split("\n").forEach((part, n) => {
      if (n > 0) lines.push([]);
      const line = lines.at(-1)!;
      const last = line.at(-1);
      if (last?.kind === kind) last.text += part;
      else if (part) line.push({ text: part, kind });
    });
  }
}

/** The same without a highlighter. */
export function plainLines(text: string): Piece[][] {
  return text.split("\n").map((line) => (line ? [{ text: line, kind: "" }] : []));
}
