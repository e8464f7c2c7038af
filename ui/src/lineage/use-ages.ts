import { useMemo } from "react";
import { useView } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { ofKeys } from "@/selection/language.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { ago, dated } from "@/shared/times.ts";
import { useNow } from "@/shared/use-now.ts";
import { AGES } from "./documents.ts";
import { CARDS_MAX } from "./draw/cards.ts";

/** How long ago these assets were made, by key; of those that were, and as far as it is known. */
export function useAges(keys: readonly string[]): ReadonlyMap<string, string> {
  const now = useNow(60_000);
  const { asOf } = useView();
  const asked = { selection: ofKeys(keys), first: CARDS_MAX };
  const { data } = useAnswer(AGES, asked, { on: ASSET_EVENTS, pause: keys.length === 0 });
  const nodes = data?.project.environment.assets.nodes;
  return useMemo(() => {
    const ages = new Map<string, string>();
    for (const { key, madeAt } of nodes ?? []) {
      const made = madeAt && new Date(madeAt);
      if (made) ages.set(key, asOf === null ? ago(made, now) : dated(made, now));
    }
    return ages;
  }, [nodes, now, asOf]);
}
