// Moments of the log: how they stand in the address, and how people name them.

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
export function momentFrom(text: string): string | null {
  const plain = text.trim().replaceAll(/[\s,]/g, (found) => (found === "," ? "" : " "));
  const digits = plain.replaceAll(" ", "");
  if (/^\d{1,15}$/.test(digits)) return String(Number(digits));
  const date = new Date(plain);
  return /^\d{4}-\d\d-\d\d/.test(plain) && !Number.isNaN(date.getTime()) ? iso(date) : null;
}

/** How the moment in an address is called. */
export function momentName(asOf: string, locale?: string): string {
  if (/^\d+$/.test(asOf)) return `log ${Number(asOf).toLocaleString(locale)}`;
  const date = new Date(asOf);
  if (Number.isNaN(date.getTime())) return asOf;
  const day = { weekday: "short", day: "numeric", month: "short" } as const;
  return `${date.toLocaleDateString(locale, day)} ${date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" })}`;
}
