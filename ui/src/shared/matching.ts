// How well a text fits what somebody typed: letters in their order, better where words begin and where they stand together.

/** 0 where it does not fit; else the more the better. */
export function fit(typed: string, text: string): number {
  const wanted = typed.trim().toLowerCase();
  const given = text.toLowerCase();
  if (wanted === "") return 1;
  const at = given.indexOf(wanted);
  if (at >= 0) return 100 + (at === 0 || isStart(given, at) ? 50 : 0) + (wanted.length / given.length) * 10;
  let score = 0;
  let from = 0;
  let before = -2;
  for (const letter of wanted) {
    if (letter === " ") continue;
    const found = given.indexOf(letter, from);
    if (found < 0) return 0;
    score += found === before + 1 ? 3 : isStart(given, found) ? 2 : 0.5;
    before = found;
    from = found + 1;
  }
  return score / given.length + 1;
}

function isStart(text: string, at: number): boolean {
  return at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1] ?? "");
}

/** The best first; those that do not fit are left out. Equal ones stay in their order. */
export function best<Of>(typed: string, all: readonly Of[], textOf: (one: Of) => string): Of[] {
  return all
    .map((one) => ({ one, score: fit(typed, textOf(one)) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ one }) => one);
}
