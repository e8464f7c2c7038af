import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { Button } from "@/shared/button.tsx";
import { Icon } from "@/shared/icon.tsx";
import { counted } from "@/shared/numbers.ts";
import type { Line } from "./documents.ts";
import { begins, blockOf, byWhom, type Level, type Lines, matched } from "./lines.ts";
import styles from "./log-view.module.css";

interface Props {
  lines: Lines;
  /** How grave each is. */
  levels: readonly Level[];
  search: string;
  /** The number of the match that somebody has come to; -1 for none. */
  match: number;
  /** How many lines a line stands for besides itself, by its cursor. */
  hidden: ReadonlyMap<string, number>;
  /** Folds what an attempt of a step printed, or opens it; null where nothing is folded. */
  fold: ((block: string) => void) | null;
  /** The cursor of the line that is pointed at. */
  chosen: string;
  nameOf(line: Line): string;
  choose(cursor: string): void;
  /** Shows a step alone; null where one is. */
  narrow: ((step: number) => void) | null;
  earlier(): void;
  more(): void;
  /** Is told which lines are in sight, the last one inclusively. */
  seen(from: number, to: number): void;
}

const LINE = 18;
/** So near to an end the next lines are asked for. */
const NEAR = 50;

/** Lines of which only those in sight are there. It follows the last one until somebody scrolls away from it. */
export function LogView({
  lines,
  levels,
  search,
  match,
  hidden,
  fold,
  chosen,
  nameOf,
  choose,
  narrow,
  earlier,
  more,
  seen,
}: Props) {
  const of = useRef<HTMLElement>(null);
  const [isFollowing, follow] = useState(!chosen && !search);
  const { nodes } = lines;
  const virtual = useVirtualizer({
    count: nodes.length,
    getScrollElement: () => of.current,
    estimateSize: () => LINE,
    overscan: 40,
  });
  const items = virtual.getVirtualItems();

  const { startIndex, endIndex } = virtual.range ?? { startIndex: 0, endIndex: -1 };
  useEffect(() => seen(startIndex, endIndex), [seen, startIndex, endIndex]);

  // what came before the first lines moves nothing that is in sight
  const known = useRef(lines.earlier);
  useLayoutEffect(() => {
    if (of.current) of.current.scrollTop += (lines.earlier - known.current) * LINE;
    known.current = lines.earlier;
  }, [lines.earlier]);

  useLayoutEffect(() => {
    if (isFollowing && nodes.length > 0 && of.current) of.current.scrollTop = of.current.scrollHeight;
  }, [isFollowing, nodes]);

  const pointedAt = useRef("");
  useEffect(() => {
    if (!chosen || pointedAt.current === chosen) return;
    const at = nodes.findIndex(({ cursor }) => cursor === chosen);
    if (at < 0) return;
    pointedAt.current = chosen;
    virtual.scrollToIndex(at, { align: "center" });
  }, [chosen, nodes, virtual]);

  useEffect(() => {
    if (match >= 0) virtual.scrollToIndex(match, { align: "auto" });
  }, [match, virtual]);

  function scrolled(box: HTMLElement): void {
    const left = box.scrollHeight - box.scrollTop - box.clientHeight;
    follow(left < LINE && !lines.hasMore);
    if (box.scrollTop < NEAR * LINE) earlier();
    if (left < NEAR * LINE) more();
  }

  return (
    <div className={styles.of}>
      <section
        ref={of}
        className={styles.lines}
        aria-label="Lines"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be scrolled by keyboard
        tabIndex={0}
        onScroll={(event) => scrolled(event.currentTarget)}
      >
        <ol className={styles.all} style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start }) => {
            const line = nodes[index];
            if (!line) return null;
            const isFirst = begins(line, nodes[index - 1]);
            const more = hidden.get(line.cursor) ?? 0;
            return (
              <li
                key={line.cursor}
                className={styles.line}
                style={{ transform: `translateY(${start}px)` }}
                data-first={isFirst || undefined}
                aria-current={line.cursor === chosen || index === match || undefined}
              >
                <span className={styles.name}>
                  {isFirst && fold && (
                    <button
                      type="button"
                      className={styles.fold}
                      aria-expanded={more === 0}
                      aria-label={`Lines of ${nameOf(line)}`}
                      onClick={() => fold(blockOf(line))}
                    >
                      <Icon name={more > 0 ? "right" : "down"} size={13} />
                    </button>
                  )}
                  {isFirst && narrow && (
                    <button type="button" title={nameOf(line)} onClick={() => narrow(line.step)}>
                      {nameOf(line)}
                    </button>
                  )}
                  {isFirst && <span>{byWhom(line)}</span>}
                </span>
                <button
                  type="button"
                  className={styles.number}
                  tabIndex={-1}
                  aria-label={`Point at line ${line.number}`}
                  onClick={() => {
                    pointedAt.current = line.cursor; // it is in sight
                    choose(line.cursor);
                  }}
                >
                  {line.number}
                </button>
                <code data-level={levels[index]}>
                  {matched(line.text, search).map(({ text, isMatch }, n) =>
                    isMatch ? <mark key={n}>{text}</mark> : text,
                  )}
                </code>
                {more > 0 && fold && (
                  <button type="button" className={styles.more} onClick={() => fold(blockOf(line))}>
                    {counted(more, "more line")}
                  </button>
                )}
              </li>
            );
          })}
        </ol>
      </section>
      {!lines.isOver && !search && (
        <div className={styles.follow}>
          {isFollowing ? (
            <span className={styles.following}>Following</span>
          ) : (
            !lines.hasMore && (
              <Button icon="down" onClick={() => follow(true)}>
                Follow
              </Button>
            )
          )}
        </div>
      )}
    </div>
  );
}
