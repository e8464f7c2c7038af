import { useMemo } from "react";
import { graphql } from "@/graphql.ts";
import { useAnswer } from "@/server/use-answer.ts";
import type { Vocabulary } from "./completion.ts";

const VOCABULARY = graphql(`
  query Vocabulary($project: String!, $environment: String!, $asOf: Moment) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        assetGraph { keys groups }
        facets { name values { value } }
      }
    }
  }
`);

const NO_WORDS: Vocabulary = { keys: [], groups: [] };

/** What there is to choose from when a selection is written; asked for once somebody is about to. */
export function useVocabulary(isWanted: boolean): Vocabulary {
  const { data } = useAnswer(VOCABULARY, {}, { pause: !isWanted });
  return useMemo(() => {
    if (!data) return NO_WORDS;
    const { assetGraph, facets } = data.project.environment;
    const values = (name: string): string[] =>
      facets.find((facet) => facet.name === name)?.values.map(({ value }) => value) ?? [];
    return {
      keys: assetGraph.keys,
      groups: assetGraph.groups,
      tags: values("tag"),
      owners: values("owner"),
      kinds: values("kind"),
    };
  }, [data]);
}
