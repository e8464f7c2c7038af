// Times and durations as people read them.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long ago, in few characters: `now`, `12s`, `5m`, `3h`, `2d`, `14 Mar`, `14 Mar 2024`. */
export function ago(then: Date, now: Date, locale?: string): string {
  const seconds = Math.round((now.getTime() - then.getTime()) / 1000);
  if (seconds < 5) return seconds < -60 ? day(then, now, locale) : "now";
  if (seconds < MINUTE) return `${seconds}s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < 14 * DAY) return `${Math.floor(seconds / DAY)}d`;
  return day(then, now, locale);
}

/** The same within a sentence: `just now`, `12s ago`, `on 14 Mar`. */
export function agoSaid(then: Date, now: Date, locale?: string): string {
  const text = ago(then, now, locale);
  if (text === "now") return "just now";
  return /^\d+[smhd]$/.test(text) ? `${text} ago` : `on ${text}`;
}

function day(then: Date, now: Date, locale?: string): string {
  const form = { day: "numeric", month: "short" } as const;
  return then.toLocaleDateString(
    locale,
    then.getFullYear() === now.getFullYear() ? form : { ...form, year: "numeric" },
  );
}

/** The whole time, for who wants to know. */
export function exactly(then: Date, locale?: string): string {
  return then.toLocaleString(locale, { dateStyle: "medium", timeStyle: "medium" });
}

/** A time in few characters where nothing is relative to now: of day for that day, else the day. */
export function dated(then: Date, today: Date, locale?: string): string {
  if (then.toDateString() !== today.toDateString()) return day(then, today, locale);
  return then.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
}

/** A day and a time of day. */
export function shortly(then: Date, locale?: string): string {
  const time = then.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  return `${then.toLocaleDateString(locale, { day: "numeric", month: "short" })} ${time}`;
}

/** How long something takes: `0 ms`, `320 ms`, `4.2 s`, `3m 05s`, `2h 07m`, `3d 4h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}m ${two(whole % MINUTE)}s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)}h ${two(Math.floor((whole % HOUR) / MINUTE))}m`;
  return `${Math.floor(whole / DAY)}d ${Math.floor((whole % DAY) / HOUR)}h`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
