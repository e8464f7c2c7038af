// Asking again when something has happened: at once, then not more often than the server can well answer.
import { type RefObject, useEffect, useRef } from "react";
import { useEvents } from "./events.ts";

const LEAST_MS = 500;
const MOST_MS = 15_000;

/** How long to wait after an answer that took so long: a page that is looked at costs a server a tenth of its time. */
export function pause(tookMs: number): number {
  return Math.min(MOST_MS, Math.max(LEAST_MS, tookMs * 10));
}

/** Calls `again` after events of these types; `took` says how long the last answer took. */
export function useRefresh(types: readonly string[], again: () => void, took: RefObject<number>): void {
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const isDue = useRef(false);
  useEffect(
    () => () => {
      if (timer.current) clearTimeout(timer.current);
      timer.current = null;
    },
    [],
  );

  function rest(): void {
    timer.current = setTimeout(() => {
      timer.current = null;
      if (!isDue.current) return;
      isDue.current = false;
      again();
      rest();
    }, pause(took.current));
  }

  useEvents(types, () => {
    if (timer.current) isDue.current = true;
    else {
      again();
      rest();
    }
  });
}
