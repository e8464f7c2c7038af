// Groups by how they stand: those first where there is most to do.
import { type Share, shares } from "@/assets/share.ts";
import type { GroupNow } from "./documents.ts";

export function worstFirst(groups: readonly GroupNow[]): GroupNow[] {
  return [...groups].sort(
    (a, b) => b.failed - a.failed || open(b) - open(a) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
}

/** How much of it is not fresh. */
function open({ assets, fresh }: GroupNow): number {
  return assets > 0 ? (assets - fresh) / assets : 0;
}

export function sharesOf({ fresh, stale, missing }: GroupNow): Share[] {
  return shares([
    { status: "FRESH", count: fresh },
    { status: "STALE", count: stale },
    { status: "MISSING", count: missing },
  ]);
}
