// A value that components follow: what is true for the whole page, and no state of any one component.
import { useSyncExternalStore } from "react";

export interface Store<Value> {
  get(): Value;
  set(value: Value): void;
  follow(changed: () => void): () => void;
}

export function store<Value>(value: Value): Store<Value> {
  const followers = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const changed of [...followers]) changed();
    },
    follow(changed) {
      followers.add(changed);
      return () => followers.delete(changed);
    },
  };
}

export function useStore<Value>(of: Store<Value>): Value {
  return useSyncExternalStore(of.follow, of.get);
}
