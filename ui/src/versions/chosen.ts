// Which two versions are compared.

/** The two that are chosen once another one is, or is no more: a third one takes the place of the one chosen first. */
export function chosenNext(chosen: readonly string[], id: string): string[] {
  if (chosen.includes(id)) return chosen.filter((one) => one !== id);
  return [...chosen, id].slice(-2);
}

/** Older first, by a list that has the newest first; those that are not in it come first. */
export function olderFirst(chosen: readonly string[], newestFirst: readonly { id: string }[]): string[] {
  const at = (id: string) => {
    const found = newestFirst.findIndex((one) => one.id === id);
    return found < 0 ? newestFirst.length : found;
  };
  return [...chosen].sort((a, b) => at(b) - at(a));
}
