import { useEffect, useState } from "react";
import { linesOf, type Piece, plainLines } from "./pieces.ts";

type Highlight = typeof import("./highlight.ts").highlighted;
let loaded: Highlight | null = null;

/** The lines of a text, plain until the highlighter is there. */
export function useHighlighted(text: string, file: string): Piece[][] {
  const [highlight, set] = useState<Highlight | null>(() => loaded);
  useEffect(() => {
    if (highlight) return;
    let isCurrent = true;
    void import("./highlight.ts").then(
      ({ highlighted }) => {
        loaded = highlighted;
        if (isCurrent) set(() => highlighted);
      },
      () => {}, // plain it can be read as well
    );
    return () => {
      isCurrent = false;
    };
  }, [highlight]);
  return highlight ? linesOf(highlight(text, file.endsWith(".sql") ? "sql" : "python")) : plainLines(text);
}
