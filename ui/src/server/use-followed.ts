// What a subscription last said: for what is told anew as a whole whenever it changes.
import { stringifyDocument, type TypedDocumentNode } from "@urql/core";
import { useEffect, useState } from "react";
import { useView } from "@/address/use-address.ts";
import { follow } from "./follow.ts";
import type { Problem } from "./problem.ts";
import { useProject } from "./project.ts";

export interface Followed<Data> {
  data: Data | null;
  problem: Problem | null;
}

interface Held<Data> extends Followed<Data> {
  key: string;
}

/** Follows it as long as the page shows now; of the past there is nothing to follow. What was over goes on when `afresh`
 * is another one. */
export function useFollowed<Data, Variables extends { project: string }>(
  document: TypedDocumentNode<Data, Variables>,
  given: Omit<Variables, "project">,
  afresh = "",
): Followed<Data> {
  const { asOf } = useView();
  const project = useProject();
  const key = JSON.stringify([project, given]);
  const [held, hold] = useState<Held<Data>>({ key: "", data: null, problem: null });

  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` says what is given, `afresh` that it is asked again
  useEffect(() => {
    if (asOf !== null) return;
    const asked = { query: stringifyDocument(document), variables: { project, ...given } };
    return follow<Data>(asked, {
      item: (data) => hold({ key, data, problem: null }),
      refused: (message) =>
        hold((before) => ({
          key,
          data: before.key === key ? before.data : null,
          problem: { message, code: "REFUSED", passes: false },
        })),
    });
  }, [document, key, asOf, afresh]);

  return asOf === null && held.key === key ? held : { data: null, problem: null };
}
