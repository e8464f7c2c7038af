// What is said for a moment, after something was done; with a way back where there is one.
import { store } from "@/shared/store.ts";

export interface Toast {
  id: number;
  text: string;
  kind: "done" | "failed";
  undo?: () => void;
}

const STAYS_MS = 8_000;
const MOST = 4;

export const toasts = store<readonly Toast[]>([]);

let last = 0;

/** Says it for some seconds; a failure until somebody has seen it. */
export function toast(text: string, { kind = "done", undo }: { kind?: Toast["kind"]; undo?: () => void } = {}): void {
  last += 1;
  const id = last;
  toasts.set([...toasts.get(), undo ? { id, text, kind, undo } : { id, text, kind }].slice(-MOST));
  if (kind === "done") setTimeout(() => dismiss(id), STAYS_MS);
}

export function dismiss(id: number): void {
  toasts.set(toasts.get().filter((one) => one.id !== id));
}
