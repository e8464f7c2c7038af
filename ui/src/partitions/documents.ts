import { graphql, type ResultOf } from "@/graphql.ts";

export const PARTITIONS = graphql(`
  query Partitions($project: String!, $environment: String!, $asOf: Moment, $key: ID!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          partitioning { title count dimensions { name count keys(first: 500) } }
          partitions { status partitions { count starts stops } }
        }
      }
    }
  }
`);

type Scheme = NonNullable<ResultOf<typeof PARTITIONS>["project"]["environment"]["asset"]["partitioning"]>;
export type Dimension = Scheme["dimensions"][number];

/** Those of a status by their keys, which may be a long text. */
export const TEXTS = graphql(`
  query Texts($project: String!, $environment: String!, $asOf: Moment, $key: ID!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) { asset(key: $key) { partitions { status partitions { text } } } }
    }
  }
`);

/** Which ones a text means, by their numbers. */
export const CHOSEN = graphql(`
  query Chosen($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $text: String!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) { asset(key: $key) { partitioning { chosen(text: $text) { starts stops } } } }
    }
  }
`);

/** The keys of two places of each dimension of a grid. */
export const DIMENSION_KEYS = graphql(`
  query DimensionKeys($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $first: Int!, $last: Int!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          partitioning { dimensions { first: keys(first: 1, behind: $first) last: keys(first: 1, behind: $last) } }
        }
      }
    }
  }
`);

/** The keys of two partitions by their numbers: those of the set that holds them, which begins there if cut so. */
export const KEYS = graphql(`
  query Keys($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $first: Int!, $last: Int!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          partitions {
            partitions {
              first: ranges(first: 1, behind: $first) { start firstKey }
              last: ranges(first: 1, behind: $last) { start firstKey }
            }
          }
          absent {
            first: ranges(first: 1, behind: $first) { start firstKey }
            last: ranges(first: 1, behind: $last) { start firstKey }
          }
        }
      }
    }
  }
`);
