// Moments of the log: how they stand in the address, and how people name them.
import { whole } from "@/shared/numbers.ts";
import { clock } from "@/shared/times.ts";

/** The position before or behind the one that is shown; null for now. */
export function stepped(shown: number, by: -1 | 1, newest: number): string | null {
  const to = Math.max(1, shown + by);
  return to >= newest ? null : String(to);
}

export interface Quick {
  label: string;
  asOf: string;
}

/** Moments that people look back to. */
export function quickMoments(now: Date): Quick[] {
  const ago = (minutes: number) => new Date(now.getTime() - minutes * 60_000);
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1, 9);
  return [
    { label: "15 minutes ago", asOf: iso(ago(15)) },
    { label: "1 hour ago", asOf: iso(ago(60)) },
    { label: "Last midnight", asOf: iso(midnight) },
    { label: "Yesterday 9:00", asOf: iso(yesterday) },
    { label: "7 days ago", asOf: iso(ago(7 * 24 * 60)) },
    { label: "30 days ago", asOf: iso(ago(30 * 24 * 60)) },
  ];
}

/** Whole seconds, with the offset that the server asks for. */
export function iso(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** What somebody typed: a position, or a time, in their own zone where they name none. Null for what is neither. */
export function momentFrom(text: string, now = new Date()): string | null {
  const plain = text.trim().replaceAll(/[\s,]/g, (found) => (found === "," ? "" : " "));
  const digits = plain.replaceAll(" ", "");
  if (/^\d{1,15}$/.test(digits)) return String(Number(digits));
  const said = dayFrom(plain, now) ?? agoFrom(plain, now);
  if (said) return iso(said);
  const date = new Date(plain);
  return /^\d{4}-\d\d-\d\d/.test(plain) && !Number.isNaN(date.getTime()) ? iso(date) : null;
}

/** `yesterday`, `today 17:30`, `yesterday 9am`. */
function dayFrom(text: string, now: Date): Date | null {
  const found = /^(today|yesterday)(?: +(\d{1,2})(?::(\d\d))? ?(am|pm)?)?$/i.exec(text);
  if (!found) return null;
  const [, day, hour = "0", minute = "0", half] = found;
  const hours = half ? (Number(hour) % 12) + (half.toLowerCase() === "pm" ? 12 : 0) : Number(hour);
  if (hours > 23 || Number(minute) > 59) return null;
  const back = day?.toLowerCase() === "today" ? 0 : 1;
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() - back, hours, Number(minute));
}

const MINUTES = { m: 1, h: 60, d: 24 * 60, w: 7 * 24 * 60 } as const;

/** `2h`, `15 minutes ago`, `3 days ago`. */
function agoFrom(text: string, now: Date): Date | null {
  const found = /^(\d{1,5}) ?(m|min|minutes?|h|hours?|d|days?|w|weeks?)( ago)?$/i.exec(text);
  if (!found) return null;
  const unit = found[2]!.charAt(0).toLowerCase() as keyof typeof MINUTES;
  return new Date(now.getTime() - Number(found[1]) * MINUTES[unit] * 60_000);
}

/** Why nothing can be shown of a moment: the log ends before it. Null where it can. */
export function beyond(asOf: string, newest: number, now: Date): string | null {
  if (!/^\d+$/.test(asOf)) return new Date(asOf) > now ? "That is still to come." : null;
  if (Number(asOf) === 0) return "The log begins at 1.";
  return newest > 0 && Number(asOf) > newest ? `The log ends at ${whole(newest)}.` : null;
}

/** How the moment in an address is called. */
export function momentName(asOf: string, locale?: string): string {
  if (/^\d+$/.test(asOf)) return `log ${whole(Number(asOf), locale)}`;
  const date = new Date(asOf);
  if (Number.isNaN(date.getTime())) return asOf;
  const day = { weekday: "short", day: "numeric", month: "short" } as const;
  return `${date.toLocaleDateString(locale, day)} ${clock(date, locale)}`;
}
