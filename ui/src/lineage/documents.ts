import { graphql } from "@/graphql.ts";

export const LINEAGE = graphql(`
  query Lineage($project: String!, $environment: String!, $asOf: Moment, $selection: String!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        position
        assetGraph(selection: $selection) {
          keys groups groupOf statusNames statusOf flagNames flagsOf edgesFrom edgesTo
        }
      }
    }
  }
`);

/** When what is in sight was made last. */
export const AGES = graphql(`
  query Ages($project: String!, $environment: String!, $asOf: Moment, $selection: String!, $first: Int!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        assets(selection: $selection, first: $first) { nodes { key madeAt } }
      }
    }
  }
`);

export const ASSET_CHANGES = graphql(`
  subscription AssetChanges($project: String!, $environment: String!) {
    assetChanges(project: $project, environment: $environment) {
      position keys statusNames statusOf flagNames flagsOf removed
    }
  }
`);
