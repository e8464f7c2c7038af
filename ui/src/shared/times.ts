// Times and durations as people read them.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// of 24 hours for everybody: the log, the command line and what people say to each other are, too
const OF_DAY = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;

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
  return then.toLocaleString(locale, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
}

/** A time in few characters where nothing is relative to now: of day for that day, else the day. */
export function dated(then: Date, today: Date, locale?: string): string {
  if (then.toDateString() !== today.toDateString()) return day(then, today, locale);
  return clock(then, locale);
}

/** A day and a time of day. */
export function shortly(then: Date, locale?: string): string {
  return `${then.toLocaleDateString(locale, { day: "numeric", month: "short" })} ${clock(then, locale)}`;
}

/** A time of day, to the second where minutes say too little. */
export function clock(then: Date, locale?: string, isExact = false): string {
  return then.toLocaleTimeString(locale, isExact ? { ...OF_DAY, second: "2-digit" } : OF_DAY);
}

/** How long something takes, as the command line has it: `0.3 ms`, `320 ms`, `4.2 s`, `3 min 5 s`, `2 h 7 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms > 0 && ms < 0.05) return "< 0.1 ms";
  if (ms < 999.5) return ms > 0 && ms < 1 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ${seconds % MINUTE} s`;
  const minutes = Math.floor(seconds / MINUTE);
  if (seconds < DAY) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(seconds / DAY)} d ${Math.floor((seconds % DAY) / HOUR)} h`;
}

/** The same in whole seconds: of what goes on, and of what nobody knows any better. */
export function about(ms: number): string {
  return ms < 1_000
    ? "under a second"
    : duration(ms)
        .replace(/\.\d s$/, " s")
        .replace(/ 0 (s|min|h)$/, "");
}
