// When an automation does something, in words.
import { duration } from "@/shared/times.ts";
import type { AutomationNow } from "./documents.ts";

interface Definition {
  cron?: string;
  timezone?: string;
  deadline?: string;
  max_lag_s?: number | null;
  interval_s?: number;
}

export function when({ kind, definition }: Pick<AutomationNow, "kind" | "definition">): string {
  const { cron, timezone = "UTC", deadline, max_lag_s: lag, interval_s: every } = (definition ?? {}) as Definition;
  switch (kind) {
    case "SCHEDULE":
      return `at ${cron ?? "?"} (${timezone})`;
    case "FRESHNESS":
      return [deadline ? `by ${deadline} (${timezone})` : "", lag ? `at most ${plain(lag)} behind` : ""]
        .filter(Boolean)
        .join(", ");
    case "SENSOR":
      return every ? `asked every ${plain(every)}` : "asked when something happens";
    case "RULE":
      return "when its condition holds";
    case "NOTIFY":
      return "when it happens";
  }
}

/** Whole hours, minutes and days as people say them. */
function plain(seconds: number): string {
  for (const [name, size] of SIZES)
    if (seconds >= size && seconds % size === 0) return seconds === size ? name : `${seconds / size} ${name}s`;
  return duration(seconds * 1000);
}

const SIZES: readonly [string, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];
