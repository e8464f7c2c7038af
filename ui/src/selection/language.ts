// The language in which users say which assets they mean: `group:reports and status:stale`, `weather+2`. What it means is
// the server's to say; here it is split up as the server splits it, and written so that the server reads what was meant.

export const FIELDS = ["group", "status", "tag", "owner", "kind", "key"] as const;
export type Field = (typeof FIELDS)[number];

export const STATUSES = ["fresh", "stale", "missing", "failed", "running", "waiting", "retracted", "absent"] as const;
export const WORDS = ["and", "or", "not"] as const;

export interface Token {
  readonly kind: "mark" | "word" | "depth" | "text";
  readonly raw: string;
  readonly at: number;
}

const TOKEN = /\s+|[(),+]|(?:[^\s(),+"']|"[^"]*"|'[^']*')+|["'].*/gsy;
const BARE = /^[^\s(),+"']+$/;
const DEPTH = /^\d{1,9}$/;

/** The pieces of a selection; a quote that is not closed takes the rest. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const raw = match[0];
    if (raw.trim()) found.push({ kind: kindOf(raw), raw, at: match.index });
  }
  return found;
}

function kindOf(raw: string): Token["kind"] {
  if (/^[(),+]$/.test(raw)) return "mark";
  if (isWord(raw)) return "word";
  return DEPTH.test(raw) ? "depth" : "text";
}

function isWord(raw: string): boolean {
  return (WORDS as readonly string[]).includes(raw);
}

/** Whether a text is one of this language; else it is a text to search for. */
export function isSelection(text: string): boolean {
  return tokens(text).some(({ kind, raw }) => kind === "mark" || kind === "word" || /[:*?"']/.test(raw));
}

/** An attribute, as it is asked for. */
export function term(field: Field, value: string): string {
  return `${field}:${BARE.test(value) ? value : quoted(value)}`;
}

/** An asset, as it is asked for. */
export function keyTerm(key: string): string {
  return BARE.test(key) && !isWord(key) && !key.includes(":") && !DEPTH.test(key) ? key : quoted(key);
}

/** Exactly these assets. */
export function ofKeys(keys: Iterable<string>): string {
  return [...keys].map(keyTerm).join(", ");
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', `"'"'"`)}"`;
}

export function unquoted(text: string): string {
  return text.replace(/"([^"]*)"?|'([^']*)'?/g, "$1$2");
}
