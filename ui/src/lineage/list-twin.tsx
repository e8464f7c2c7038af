import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useMemo, useRef } from "react";
import { Glyph } from "@/shared/glyph.tsx";
import { MARKS } from "@/shared/marks.ts";
import type { Graph } from "./graph.ts";
import type { Links } from "./links.ts";
import { listRows } from "./list.ts";
import styles from "./list-twin.module.css";
import { countsOf, shortName, worstOf } from "./names.ts";
import type { RollUp, Tree } from "./tree.ts";

interface Props {
  graph: Graph;
  tree: Tree;
  rollUp: RollUp;
  expanded: readonly number[];
  only: Uint8Array | null;
  subject: number;
  linksOf(node: number): Links;
  choose(node: number): void;
  open(node: number): void;
  toggle(node: number): void;
}

const ROW = 32;

/** The same as the graph, as a list: for who does not see it, and for who would rather read. */
export function ListTwin({ graph, tree, rollUp, expanded, only, subject, linksOf, choose, open, toggle }: Props) {
  const scroll = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => listRows(tree, new Set(expanded), only), [tree, expanded, only]);
  const at = Math.max(
    0,
    rows.findIndex(({ node }) => node === subject),
  );
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW,
    overscan: 12,
  });
  useEffect(() => {
    virtual.scrollToIndex(at, { align: "auto" });
  }, [virtual, at]);

  function pressed(event: KeyboardEvent): void {
    const row = rows[at];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const isGroup = row.node >= tree.assets;
    const to = (n: number): void => {
      const next = rows[Math.min(rows.length - 1, Math.max(0, n))];
      if (next) choose(next.node);
    };
    if (event.key === "ArrowDown" || event.key === "j") to(subject < 0 ? 0 : at + 1);
    else if (event.key === "ArrowUp" || event.key === "k") to(at - 1);
    else if (event.key === "Home") to(0);
    else if (event.key === "End") to(rows.length - 1);
    else if (event.key === "ArrowRight" && isGroup) row.isOpen ? to(at + 1) : toggle(row.node);
    else if (event.key === "ArrowLeft" && isGroup && row.isOpen) toggle(row.node);
    else if (event.key === "ArrowLeft") to(rows.findIndex(({ node }) => node === tree.parent[row.node]));
    else if (event.key === "Enter") open(row.node);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div
      ref={scroll}
      className={styles.list}
      role="treegrid"
      aria-label="Lineage as a list"
      aria-rowcount={rows.length}
      tabIndex={0}
      aria-activedescendant={rows[at] ? `lineage-row-${rows[at].node}` : undefined}
      onKeyDown={pressed}
    >
      <div className={styles.all} role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          if (!row) return null;
          const { node, level, isOpen } = row;
          const isGroup = node >= tree.assets;
          const look = isGroup ? worstOf(tree, rollUp, node) : graph.look[node]!;
          const { ups, downs } = linksOf(node);
          return (
            <div
              key={node}
              id={`lineage-row-${node}`}
              className={styles.row}
              role="row"
              tabIndex={-1}
              aria-level={level}
              aria-posinset={row.at}
              aria-setsize={row.of}
              aria-rowindex={index + 1}
              aria-selected={node === subject}
              aria-expanded={isGroup ? isOpen : undefined}
              style={{ transform: `translateY(${start}px)`, paddingLeft: 12 + (level - 1) * 20 }}
              onClick={() => choose(node)}
              onDoubleClick={() => open(node)}
            >
              <span role="gridcell" className={styles.name}>
                {isGroup && (
                  <button
                    type="button"
                    tabIndex={-1}
                    className={styles.toggle}
                    aria-label={isOpen ? "Close" : "Open"}
                    onClick={(event) => {
                      event.stopPropagation();
                      toggle(node);
                    }}
                  >
                    {isOpen ? "−" : "+"}
                  </button>
                )}
                <Glyph mark={MARKS[look]!} />
                <span className={isGroup ? styles.group : undefined} title={tree.label[node]}>
                  {shortName(tree, node)}
                </span>
              </span>
              <span role="gridcell" className={styles.said}>
                {isGroup
                  ? countsOf(tree, rollUp, node)
                      .map(({ look: of, count }) => `${count} ${MARKS[of]}`)
                      .join(", ")
                  : MARKS[look]}
              </span>
              <span role="gridcell" className={styles.links}>
                {ups} upstream
              </span>
              <span role="gridcell" className={styles.links}>
                {downs} downstream
              </span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
