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
