import { graphql, type ResultOf } from "@/graphql.ts";

/** The columns of the latest versions: enough of them to see what became of each. */
export const COLUMNS = graphql(`
  query Columns($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $partition: String) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          versions(partition: $partition, first: 100) {
            totalCount
            nodes { id partition madeAt columns { leftOut nodes { name type nullable } } }
          }
        }
      }
    }
  }
`);

export type VersionColumns = ResultOf<typeof COLUMNS>["project"]["environment"]["asset"]["versions"]["nodes"][number];

/** What a column of the heads was computed from, over all queries. */
export const TRACED = graphql(`
  query Traced(
    $project: String!, $environment: String!, $asOf: Moment, $key: ID!, $column: String!, $partition: String!
  ) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        columnLineage(asset: $key, column: $column, partition: $partition, first: 1000) {
          nodes { asset column versionsCount confidence expression end sources { input asset column } }
          pageInfo { hasNextPage }
        }
      }
    }
  }
`);

/** Which assets read it. */
export const READERS = graphql(`
  query Readers($project: String!, $environment: String!, $asOf: Moment, $key: ID!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) { asset(key: $key) { downstream(first: 1000) { key } } }
    }
  }
`);

/** What the columns of an asset's newest version were computed from. */
export const COMPUTED = graphql(`
  query Computed($project: String!, $environment: String!, $asOf: Moment, $key: ID!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          versions(first: 1) {
            nodes {
              inputs { name asset }
              columnSources(first: 1000) { nodes { column confidence expression sources { input column } } }
            }
          }
        }
      }
    }
  }
`);

export type Computed = ResultOf<typeof COMPUTED>["project"]["environment"]["asset"]["versions"]["nodes"][number];
