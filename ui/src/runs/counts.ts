// What became of a run's steps, in words.
import { whole } from "@/shared/numbers.ts";

const WORDS: readonly [string, string][] = [
  ["failed", "failed"],
  ["refused", "refused"],
  ["ran", "ran"],
  ["reused", "reused"],
  ["fresh", "were fresh"],
  ["skipped", "skipped"],
];

/** `3 failed, 14 ran, 31 reused`; nothing of what there is none. */
export function countsText(counts: unknown): string {
  if (typeof counts !== "object" || counts === null) return "";
  const by = counts as Record<string, number | undefined>;
  return WORDS.flatMap(([name, word]) => (by[name] ? [`${whole(by[name])} ${word}`] : [])).join(", ");
}
