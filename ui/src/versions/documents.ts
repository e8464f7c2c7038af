import { SAMPLED } from "@/assets/sampled.ts";
import { graphql, type ResultOf } from "@/graphql.ts";

export const VERSIONS = graphql(`
  query Versions(
    $project: String!, $environment: String!, $asOf: Moment
    $key: ID!, $partition: String, $first: Int!, $after: String
  ) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          versions(partition: $partition, first: $first, after: $after) {
            totalCount
            nodes { id partition position madeAt durationMs dataVersion codeVersion isAccepted isHead run size reasons }
            pageInfo { endCursor hasNextPage }
          }
        }
      }
    }
  }
`);

export type VersionRow = ResultOf<typeof VERSIONS>["project"]["environment"]["asset"]["versions"]["nodes"][number];

/** The version that the environment has of a partition, which may be none of those that are listed. */
export const HEAD_OF = graphql(`
  query HeadOf($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $partition: String!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) { asset(key: $key) { head(partition: $partition) { id } } }
    }
  }
`);

export const DIFFERENCE = graphql(`
  query Difference(
    $project: String!, $environment: String!, $asOf: Moment, $key: ID!, $before: ID!, $after: ID!
  ) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        versionDifference(asset: $key, before: $before, after: $after) {
          before { id partition madeAt dataVersion run columns { nodes { name type nullable } } }
          after { id partition madeAt dataVersion run columns { nodes { name type nullable } } }
          sameData
          code { subject name before after }
          texts { name diff }
          parts { what before after }
          parameters { name before after }
          resources { name before after }
          inputs { name asset sameData before after versionsBefore versionsAfter }
          metadata { name before after }
        }
      }
    }
  }
`);

/** A little of what each of them holds, which takes as long as the store needs. */
export const SAMPLES = graphql(
  `
  query Samples(
    $project: String!, $environment: String!, $asOf: Moment, $key: ID!, $before: ID!, $after: ID!
  ) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        versionDifference(asset: $key, before: $before, after: $after) {
          before {
            id columns { nodes { name type } }
            sample(rows: 8) { ...Sampled }
          }
          after {
            id columns { nodes { name type } }
            sample(rows: 8) { ...Sampled }
          }
        }
      }
    }
  }
`,
  [SAMPLED],
);

export type Difference = ResultOf<typeof DIFFERENCE>["project"]["environment"]["versionDifference"];

export const ROLLBACK = graphql(`
  mutation Rollback(
    $project: String!, $environment: String!, $asset: ID!, $partition: String!, $version: ID!
  ) {
    rollback(
      project: $project, environment: $environment, asset: $asset, partition: $partition, version: $version
    ) {
      __typename
      ... on RolledBack { moved { count } }
      ... on Error { message }
    }
  }
`);

/** Versions side by side, in the order of a metric; of all environments the latest thousand, or those of a run. */
export const COMPARISON = graphql(`
  query Comparison(
    $project: String!, $environment: String!, $asOf: Moment
    $key: ID!, $by: String!, $lowest: Boolean!, $partition: String!, $run: ID, $first: Int!
  ) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          comparison(by: $by, lowest: $lowest, partition: $partition, run: $run, first: $first) {
            nodes { id partition madeAt run }
            isHead isRetracted considered
            parameters { name values } metrics { name values }
          }
        }
      }
    }
  }
`);

export type Comparison = ResultOf<typeof COMPARISON>["project"]["environment"]["asset"]["comparison"];

export const PROMOTE = graphql(`
  mutation PromoteVersion($project: String!, $environment: String!, $version: ID!) {
    promoteVersion(project: $project, environment: $environment, version: $version) {
      __typename
      ... on VersionPromoted { version moved replaced parameters }
      ... on Error { message }
    }
  }
`);
