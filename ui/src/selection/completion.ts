// What could be written next in a selection.
import { FIELDS, type Field, keyTerm, STATUSES, type Token, term, tokens, unquoted, WORDS } from "./language.ts";

const ITEMS_MAX = 12;

/** What there is to choose from. */
export interface Vocabulary {
  readonly keys: readonly string[];
  readonly groups: readonly string[];
  readonly tags?: readonly string[];
  readonly owners?: readonly string[];
  readonly kinds?: readonly string[];
}

export interface Completion {
  readonly text: string;
  readonly kind: "asset" | "value" | "field" | "word";
}

/** Items that may stand in place of the text from `from` to `to`. */
export interface Completions {
  readonly from: number;
  readonly to: number;
  readonly items: readonly Completion[];
}

/** What could be written at the cursor. */
export function completions(text: string, cursor: number, vocabulary: Vocabulary): Completions {
  const all = tokens(text);
  const under = all.find(({ kind, raw, at }) => kind !== "mark" && at < cursor && cursor <= at + raw.length);
  const before = all.findLast(({ at, raw }) => at + raw.length <= (under?.at ?? cursor));
  const from = under?.at ?? cursor;
  const to = under ? under.at + under.raw.length : cursor;
  const typed = text.slice(from, cursor);
  if (before && endsOperand(before, all) && before !== under) {
    return { from, to, items: ranked(WORDS.slice(0, 2), typed).map((word) => ({ text: `${word} `, kind: "word" })) };
  }
  const field = /^([a-z]+):(.*)$/s.exec(typed);
  const name = field && FIELDS.find((one) => one === field[1]);
  if (field && name) {
    const items = ranked(valuesOf(name, vocabulary), unquoted(field[2] ?? ""));
    return { from, to, items: items.map((value) => ({ text: term(name, value), kind: "value" })) };
  }
  const plain = unquoted(typed);
  const fields = plain ? FIELDS.filter((one) => one.startsWith(plain)) : FIELDS.slice(0, -1);
  const words = plain && "not".startsWith(plain) ? ["not"] : [];
  return {
    from,
    to,
    items: [
      ...fields.map((one) => ({ text: `${one}:`, kind: "field" as const })),
      ...words.map((one) => ({ text: `${one} `, kind: "word" as const })),
      ...ranked(vocabulary.keys, plain).map((key) => ({ text: keyTerm(key), kind: "asset" as const })),
    ].slice(0, ITEMS_MAX),
  };
}

/** The selection with an item chosen, and where the cursor is then. */
export function completed(text: string, at: Completions, item: Completion): { text: string; cursor: number } {
  const start = text.slice(0, at.from) + item.text;
  return { text: start + text.slice(at.to).replace(/^ +/, item.text.endsWith(" ") ? "" : " "), cursor: start.length };
}

function endsOperand(token: Token, all: readonly Token[]): boolean {
  if (token.kind === "text" || token.raw === ")") return true;
  const previous = all[all.indexOf(token) - 1];
  const afterOperand = previous !== undefined && (previous.kind === "text" || previous.raw === ")");
  if (token.raw === "+") return afterOperand; // `x+`, not `+x`
  const beforeThat = all[all.indexOf(token) - 2];
  return token.kind === "depth" && previous?.raw === "+" && (beforeThat?.kind === "text" || beforeThat?.raw === ")");
}

function valuesOf(field: Field, vocabulary: Vocabulary): readonly string[] {
  switch (field) {
    case "group":
      return vocabulary.groups;
    case "status":
      return STATUSES;
    case "tag":
      return vocabulary.tags ?? [];
    case "owner":
      return vocabulary.owners ?? [];
    case "kind":
      return vocabulary.kinds ?? [];
    case "key":
      return vocabulary.keys;
  }
}

/** Those that have what was typed: at their beginning first, then at the beginning of a part, then anywhere. */
function ranked(all: readonly string[], typed: string): string[] {
  const wanted = typed.toLowerCase();
  const ranks: string[][] = [[], [], []];
  for (const one of all) {
    const at = one.toLowerCase().indexOf(wanted);
    if (at < 0) continue;
    ranks[at === 0 ? 0 : /[/._-]/.test(one[at - 1] ?? "") ? 1 : 2]?.push(one);
  }
  return ranks.flat().slice(0, ITEMS_MAX);
}
