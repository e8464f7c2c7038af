import { graphql } from "@/graphql.ts";

/** A little of what a version holds, whatever kind of value it is. */
export const SAMPLED = graphql(`
  fragment Sampled on ValueSample {
    __typename
    ... on RowsSample { columns { name type } rows total isCut }
    ... on DocumentSample { value }
    ... on ArraySample { dtype shape entries }
    ... on NoSample { message }
  }
`);
