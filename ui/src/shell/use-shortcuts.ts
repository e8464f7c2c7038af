import { useLayoutEffect, useRef } from "react";
import { store } from "@/shared/store.ts";
import { BETWEEN_MS, found, nameOf, type Shortcut } from "./shortcuts.ts";

/** All that hold now, in the order in which they came to. */
export const shortcuts = store<readonly Shortcut[]>([]);

export const IS_MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);

let begun = "";
let begunAt = 0;

function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const name = nameOf(event);
  if (!name) return;
  const target = event.target instanceof HTMLElement ? event.target : null;
  const isTyping = target !== null && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
  const isInDialog = target?.closest("dialog") ?? null;
  const all = shortcuts.get().filter((one) => one.whileTyping || !(isTyping || isInDialog));
  const now = performance.now();
  const result = found(all, now - begunAt < BETWEEN_MS ? begun : "", name);
  begun = result.begun;
  begunAt = now;
  if (!result.shortcut) return;
  event.preventDefault();
  result.shortcut.run();
}

if (typeof document !== "undefined") document.addEventListener("keydown", pressed);

/** Keys that hold from when the component is seen, for as long as it is there; those of the ground where nothing that lies on it has the same. */
export function useShortcuts(mine: readonly Shortcut[], place: "top" | "ground" = "top"): void {
  const latest = useRef(mine);
  useLayoutEffect(() => {
    latest.current = mine;
  });
  const key = mine.map(({ keys, label, whileTyping }) => `${keys}\n${label}\n${whileTyping ?? ""}`).join("\n\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: what they do is looked up when they are pressed
  useLayoutEffect(() => {
    const held = mine.map((one) => ({ ...one, run: () => latest.current.find((now) => now.keys === one.keys)?.run() }));
    shortcuts.set(place === "ground" ? [...held, ...shortcuts.get()] : [...shortcuts.get(), ...held]);
    return () => shortcuts.set(shortcuts.get().filter((one) => !held.includes(one)));
  }, [key, place]);
}
