import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import styles from "./table.module.css";

export interface Column<Row> {
  id: string;
  title: ReactNode;
  /** As a grid has it: `120px`, `minmax(160px, 2fr)`. */
  width: string;
  cell(row: Row): ReactNode;
  align?: "end";
  /** Left out where there is little room; `first` also on a tablet. */
  spare?: "first" | "last";
}

interface Props<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf(row: Row): string;
  /** Length of the whole list, where there is more than these rows. */
  total?: number | null;
  more?(): void;
  open?(row: Row): void;
  /** Keys of the rows that are selected; without, none can be. */
  selected?: ReadonlySet<string>;
  select?(key: string, how: { range: boolean }): void;
  /** The key of the row that is shown beside the list: it is in sight. */
  current?: string;
  /** Whether the rows are those of another question. */
  isOld?: boolean;
  /** Whether somebody is at the rows, which then must not move. */
  busy?(is: boolean): void;
  /** Lies over the head, as what is new and waits to be shown. */
  over?: ReactNode;
}

const ROW = 33;
const HEAD = 30;
const AHEAD = 40;

/** A long list of which only the rows in sight are there. `j` and `k` go from row to row, `x` selects, as a click with ctrl does, enter opens. */
export function Table<Row>(props: Props<Row>) {
  const { label, columns, rows, keyOf, total, more, open, selected, select, current, isOld, busy, over } = props;
  const scroll = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(0);
  const here = useRef({ pointer: false, below: false });
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW,
    overscan: 12,
    scrollPaddingStart: HEAD,
    scrollPaddingEnd: HEAD,
    getItemKey: (n) => (rows[n] ? keyOf(rows[n]) : n),
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last > rows.length - AHEAD) more();
  }, [more, last, rows.length]);

  const currentAt = useMemo(
    () => (current ? rows.findIndex((row) => keyOf(row) === current) : -1),
    [current, rows, keyOf],
  );
  // once, when it comes: rows that come later do not move what somebody reads
  const shown = useRef("");
  useEffect(() => {
    if (currentAt < 0 || shown.current === current) return;
    shown.current = current ?? "";
    // what is shown beside or below the list has taken its room by then
    requestAnimationFrame(() => virtual.scrollToIndex(currentAt, { align: "auto" }));
  }, [current, currentAt, virtual]);

  /** Somebody is at the rows whose pointer is over them, or who has scrolled away from the first ones. */
  function come(how: Partial<typeof here.current>): void {
    const before = here.current;
    here.current = { ...before, ...how };
    const is = here.current.pointer || here.current.below;
    if (is !== (before.pointer || before.below)) busy?.(is);
  }

  function move(to: number): void {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    setAt(next);
    virtual.scrollToIndex(next);
    requestAnimationFrame(() => scroll.current?.querySelector<HTMLElement>(`[data-row="${next}"]`)?.focus());
  }

  function press(event: KeyboardEvent<HTMLDivElement>): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLElement && !event.target.hasAttribute("data-row")) {
      if (!/^Arrow(Up|Down)$/.test(event.key)) return; // what is in a row has its own keys
    }
    const page = Math.floor((scroll.current?.clientHeight ?? 300) / ROW) - 2;
    const by = {
      j: 1,
      k: -1,
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    }[event.key];
    const row = rows[at];
    if (by !== undefined) move(at + by);
    else if (event.key === "Enter" && row && open) open(row);
    else if (event.key.toLowerCase() === "x" && row && select) select(keyOf(row), { range: event.shiftKey });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // `j` and `k` begin in the table wherever nothing else has the focus
  useEffect(() => {
    function begin(event: globalThis.KeyboardEvent): void {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!/^[jk]$/.test(event.key) || document.activeElement?.closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      const first = scroll.current?.querySelector<HTMLElement>('[tabindex="0"][data-row], [data-row]');
      first?.focus();
    }
    document.addEventListener("keydown", begin);
    return () => document.removeEventListener("keydown", begin);
  }, []);

  const tracks = columns.map(({ width }) => width).join(" ");
  const least = columns
    .filter(({ spare }) => !spare)
    .map(({ width }) => width)
    .join(" ");
  const few = columns
    .filter(({ spare }) => spare !== "first")
    .map(({ width }) => width)
    .join(" ");
  return (
    <div
      className={styles.of}
      onPointerEnter={() => come({ pointer: true })}
      onPointerLeave={() => come({ pointer: false })}
    >
      {over && <div className={styles.over}>{over}</div>}
      <div
        className={styles.table}
        role="grid"
        aria-label={label}
        aria-rowcount={(total ?? rows.length) + 1}
        aria-multiselectable={select ? true : undefined}
        aria-busy={isOld || undefined}
        tabIndex={-1}
        style={{ "--tracks": tracks, "--few": few, "--least": least } as React.CSSProperties}
        onKeyDown={press}
      >
        <div
          ref={scroll}
          className={styles.scroll}
          role="presentation"
          onScroll={(event) => come({ below: event.currentTarget.scrollTop > 0 })}
        >
          <div className={styles.head} role="row" aria-rowindex={1}>
            {columns.map(({ id, title, align, spare }) => (
              <div key={id} role="columnheader" className={styles.cell} data-align={align} data-spare={spare}>
                {title}
              </div>
            ))}
          </div>
          <div className={styles.all} role="rowgroup" style={{ height: virtual.getTotalSize() }}>
            {items.map(({ index, key, start }) => {
              const row = rows[index];
              if (!row) return null;
              const isSelected = selected?.has(keyOf(row));
              return (
                <div
                  key={key}
                  role="row"
                  data-row={index}
                  aria-rowindex={index + 2}
                  aria-current={index === currentAt || undefined}
                  aria-selected={select ? Boolean(isSelected) : undefined}
                  tabIndex={index === Math.min(at, rows.length - 1) ? 0 : -1}
                  className={styles.row}
                  style={{ transform: `translateY(${start}px)` }}
                  onFocus={() => setAt(index)}
                  onClick={(event) => {
                    if (event.target instanceof Element && event.target.closest("a, button, input, label")) return;
                    if (window.getSelection()?.toString()) return; // somebody copies text
                    if (select && (event.ctrlKey || event.metaKey)) select(keyOf(row), { range: false });
                    else open?.(row);
                  }}
                >
                  {columns.map(({ id, cell, align, spare }) => (
                    <div key={id} role="gridcell" className={styles.cell} data-align={align} data-spare={spare}>
                      {cell(row)}
                    </div>
                  ))}
                </div>
              );
            })}
          </div>
        </div>
      </div>
    </div>
  );
}
