import { useMemo, useState } from "react";
import { read, useAnswer, useWhere } from "@/server/use-answer.ts";
import { toast } from "@/shell/toasts.ts";
import styles from "./brush.module.css";
import { CHOSEN, DIMENSION_KEYS, type Dimension } from "./documents.ts";
import { type Box, boxesOf, boxTexts, columnsOf, rowNames, rowsOf, withBox } from "./grid.ts";
import { Matrix } from "./matrix.tsx";
import { type Brushing, type Span, type Window, windowsOf, withBrushed } from "./spans.ts";
import { Strip } from "./strip.tsx";

/** More rows than these say less than what there is by column. */
const MOST_ROWS = 500;
/** Below so many columns the one matrix shows each of them well. */
const FEW = 120;
/** What is in more pieces is not drawn as chosen, nor chosen by dragging. */
const MOST_PIECES = 60;
const NOTHING_DRAWN = { boxes: [], text: "" } as const;

interface Props {
  asset: string;
  dimensions: readonly Dimension[];
  spans: readonly Span[];
  picked: string;
  pick(text: string): void;
}

/** Partitions of a grid: the dimension that grows across, and, where that are not too many, all others down. */
export function GridChoice({ asset, dimensions, spans, picked, pick }: Props) {
  const where = useWhere();
  const [leading, ...down] = dimensions;
  const columns = leading?.count ?? 0;
  const count = down.reduce((product, dimension) => product * dimension.count, 1);
  const isMatrix = down.length > 0 && count > 0 && count <= MOST_ROWS;
  const rows = useMemo(() => (isMatrix ? rowsOf(spans, count) : []), [spans, count, isMatrix]);
  const names = useMemo(() => (isMatrix ? rowNames(dimensions.slice(1)) : []), [dimensions, isMatrix]);
  const all = useMemo(() => ({ columns: { from: 0, to: columns }, rows: { from: 0, to: count } }), [columns, count]);
  const [drawn, draw] = useState<{ boxes: readonly Box[]; text: string }>(NOTHING_DRAWN);
  // only the server knows what is meant by what was written
  const isWritten = picked !== "" && drawn.text !== picked && count > 0;
  const written = useAnswer(CHOSEN, { key: asset, text: picked }, { pause: !isWritten });
  const chosen = useMemo(() => {
    if (drawn.text === picked) return drawn.boxes;
    const meant = isWritten && !written.isAwaited ? written.data?.project.environment.asset.partitioning?.chosen : null;
    const boxes = meant ? boxesOf(windowsOf(meant), count) : [];
    return boxes.length <= MOST_PIECES ? boxes : NOTHING_DRAWN.boxes;
  }, [drawn, picked, isWritten, written.isAwaited, written.data, count]);
  const only = chosen.length === 1 ? chosen[0] : undefined;

  async function textsOf({ columns, rows }: Box): Promise<string[] | null> {
    const ends = { first: columns.from, last: columns.to - 1 };
    const { data, problem } = await read(DIMENSION_KEYS, { ...where, key: asset, ...ends });
    if (problem) toast(problem.message, { kind: "failed" });
    const found = data?.project.environment.asset.partitioning?.dimensions[0];
    const [first, last] = [found?.first[0], found?.last[0]];
    if (!leading || first === undefined || last === undefined) return null;
    return boxTexts({ name: leading.name, first, last }, isMatrix ? down : [], rows);
  }

  /** A box alone, one more, or what is chosen without it. */
  async function choose(box: Box, how: Brushing) {
    const boxes = withBox(chosen, box, how);
    if (boxes.length > MOST_PIECES)
      return void toast("That are more pieces than can be drawn: write their keys.", { kind: "failed" });
    const texts = await Promise.all(boxes.map(textsOf));
    if (texts.includes(null)) return;
    const text = texts.flat().join("; ");
    draw({ boxes, text });
    pick(text);
  }

  const window = { from: 0, to: columns * count };
  const strip = chosen.reduce<Window[]>(
    (all, { columns: { from, to } }) => withBrushed(all, { from: from * count, to: to * count }, "besides"),
    [],
  );
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
  const given = { asset, rows, names, choose };
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
