// The time, as often as what is shown changes with it; one clock for all who look at it.
import { useSyncExternalStore } from "react";
import { type Store, store } from "./store.ts";

const clocks = new Map<number, Store<Date>>();

function clock(everyMs: number): Store<Date> {
  const known = clocks.get(everyMs);
  if (known) return known;
  const now = store(new Date());
  let timer: ReturnType<typeof setInterval> | undefined;
  let followers = 0;
  const made: Store<Date> = {
    ...now,
    follow(changed) {
      if (followers++ === 0) {
        now.set(new Date());
        timer = setInterval(() => now.set(new Date()), everyMs);
      }
      const leave = now.follow(changed);
      return () => {
        leave();
        if (--followers === 0) clearInterval(timer);
      };
    },
  };
  clocks.set(everyMs, made);
  return made;
}

export function useNow(everyMs = 5_000): Date {
  const of = clock(everyMs);
  return useSyncExternalStore(of.follow, of.get);
}
