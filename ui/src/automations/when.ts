// When an automation does something, in words.
import { duration } from "@/shared/times.ts";
import type { AutomationNow } from "./documents.ts";

export function when(details: AutomationNow["details"]): string {
  switch (details.__typename) {
    case "Schedule":
      return `at ${details.cron} (${details.timezone})`;
    case "FreshnessPolicy":
      return [
        details.deadline && `by ${details.deadline} (${details.timezone})`,
        details.maxLagMs && `at most ${plain(details.maxLagMs / 1000)} behind`,
      ]
        .filter(Boolean)
        .join(", ");
    case "Sensor":
      return details.intervalMs ? `asked every ${plain(details.intervalMs / 1000)}` : "asked when something happens";
    case "Condition":
      return `when ${details.text}`;
    case "Notification":
      return `when it is: ${details.on.join(", ")}`;
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
