import { useMemo, useState } from "react";
import { read, useAnswer, useWhere } from "@/server/use-answer.ts";
import { toast } from "@/shell/toasts.ts";
import styles from "./brush.module.css";
import { DIMENSION_KEYS, type Dimension } from "./documents.ts";
import { type Box, boxText, columnsOf, rowsOf } from "./grid.ts";
import { Matrix } from "./matrix.tsx";
import type { Brushing, Span, Window } from "./spans.ts";
import { Strip } from "./strip.tsx";

/** More rows than these say less than what there is by column. */
const MOST_ROWS = 500;
/** Below so many columns the one matrix shows each of them well. */
const FEW = 120;
const NOTHING_DRAWN = { boxes: [], text: "" } as const;

interface Props {
  asset: string;
  dimensions: readonly Dimension[];
  spans: readonly Span[];
  picked: string;
  pick(text: string): void;
}

/** Partitions of a grid: by the dimension that grows, and, where there are two, each of them. */
export function GridChoice({ asset, dimensions, spans, picked, pick }: Props) {
  const where = useWhere();
  const [leading, second, ...others] = dimensions;
  const columns = leading?.count ?? 0;
  const count = dimensions.slice(1).reduce((product, dimension) => product * dimension.count, 1);
  const isMatrix = second !== undefined && others.length === 0 && count > 0 && count <= MOST_ROWS;
  const rows = useMemo(() => (isMatrix ? rowsOf(spans, count) : []), [spans, count, isMatrix]);
  const all = useMemo(() => ({ columns: { from: 0, to: columns }, rows: { from: 0, to: count } }), [columns, count]);
  const [drawn, draw] = useState<{ boxes: readonly Box[]; text: string }>(NOTHING_DRAWN);
  const chosen = drawn.text === picked ? drawn.boxes : NOTHING_DRAWN.boxes;
  const only = chosen.length === 1 ? chosen[0] : undefined;

  /** A box alone, or one more; what lies in a grid is not taken out by dragging. */
  async function choose(box: Box, how: Brushing) {
    const ends = { first: box.columns.from, last: box.columns.to - 1 };
    const { data, problem } = await read(DIMENSION_KEYS, { ...where, key: asset, ...ends });
    if (problem) toast(problem.message, { kind: "failed" });
    const found = data?.project.environment.asset.partitioning?.dimensions[0];
    const [first, last] = [found?.first[0], found?.last[0]];
    if (!leading || first === undefined || last === undefined) return;
    const isWhole = !isMatrix || box.rows.to - box.rows.from === count;
    const named: [string, string] = [second?.keys[box.rows.from] ?? "", second?.keys[box.rows.to - 1] ?? ""];
    const own = boxText([leading.name, second?.name], [first, last], isWhole ? null : named);
    const before = how === "besides" && chosen.length > 0 ? chosen : NOTHING_DRAWN.boxes;
    const text = before.length > 0 ? `${picked}; ${own}` : own;
    draw({ boxes: [...before, box], text });
    pick(text);
  }

  const window = { from: 0, to: columns * count };
  const strip = chosen.map(({ columns: { from, to } }) => ({ from: from * count, to: to * count }));
  const byColumn = (
    <>
      <Strip
        label="All of them"
        spans={spans}
        window={window}
        chosen={strip}
        choose={(of, how) => choose({ columns: columnsOf(of, count), rows: all.rows }, how)}
      />
      <Ends asset={asset} window={all.columns} />
    </>
  );
  if (!isMatrix) return byColumn;
  const given = { rows, names: second.keys, choose };
  return (
    <>
      <Matrix {...given} label="Each of them" box={all} chosen={chosen} above={byColumn} />
      {only && columns > FEW && (
        <Matrix
          {...given}
          label="Those that are chosen"
          box={only}
          chosen={NOTHING_DRAWN.boxes}
          above={<Ends asset={asset} window={only.columns} />}
        />
      )}
    </>
  );
}

/** The keys that the columns begin and end with. */
function Ends({ asset, window }: { asset: string; window: Window }) {
  const { data } = useAnswer(DIMENSION_KEYS, { key: asset, first: window.from, last: window.to - 1 });
  const found = data?.project.environment.asset.partitioning?.dimensions[0];
  return (
    <p className={styles.ends}>
      <span>{found?.first[0]}</span>
      <span>{found?.last[0]}</span>
    </p>
  );
}
