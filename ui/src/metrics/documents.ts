import { graphql } from "@/graphql.ts";

export const SERIES = graphql(`
  query Series($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $partition: String) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) { series(partition: $partition) { name versions partitions positions madeAt values } }
      }
    }
  }
`);
