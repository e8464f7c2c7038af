import { graphql, type ResultOf } from "@/graphql.ts";
import { SAMPLED } from "./sampled.ts";

/** All that the page says of an asset whatever tab is open, without its versions' contents. */
export const ASSET = graphql(`
  query Asset($project: String!, $environment: String!, $asOf: Moment, $key: ID!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          key description group owners tags kinds metadata origin location task codeVersion status flags
          partitioning { title count }
          partitions { status partitions { count text } }
          causes { cause subject check partitions { count } }
          parameters { name standing pinned required }
          declaredChecks { name blocking severity }
          typeText workflow sharedFrom uncovered stored { io place }
          inputs { asset mapping partitions loads }
          resources { resource values }
          policies {
            retries { most backoffMs } timeouts { runningMs queuedMs totalMs } reuse { isOn windowMs }
            needs { cpu memoryBytes gpu } pool priority image partitionsPerCall each
          }
          upstream(first: 1000) { key status flags }
          downstream(first: 12) { key status flags }
          downstreamCount
          versions(first: 1) { nodes { partition madeAt columns { nodes { name } } } }
        }
      }
    }
  }
`);

export type AssetPage = ResultOf<typeof ASSET>["project"]["environment"]["asset"];

/** The version that the environment has of one partition. */
export const HEAD = graphql(`
  query Head($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $partition: String!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          head(partition: $partition) {
            id partition position madeAt durationMs dataVersion artifact isAccepted run size metadata parameters
            inputs { name asset partitions versionsCount }
          }
        }
      }
    }
  }
`);

export type Head = NonNullable<ResultOf<typeof HEAD>["project"]["environment"]["asset"]["head"]>;

/** A little of what it holds; its first reading takes as long as the store needs. */
export const SAMPLE = graphql(
  `
  query Sample($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $partition: String!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          head(partition: $partition) {
            id
            columns { nodes { name type } }
            sample(rows: 20) { ...Sampled }
          }
        }
      }
    }
  }
`,
  [SAMPLED],
);

export type Sampled = NonNullable<ResultOf<typeof SAMPLE>["project"]["environment"]["asset"]["head"]>;

export const SOURCE = graphql(`
  query Source($project: String!, $environment: String!, $asOf: Moment, $key: ID!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) { asset(key: $key) { task codeVersion source { file line text } } }
    }
  }
`);

export const ASSET_RUNS = graphql(`
  query AssetRuns($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $first: Int!, $after: String) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          runs(first: $first, after: $after) {
            totalCount
            nodes { id selection partitions status actor requestedAt endedAt counts }
            pageInfo { endCursor hasNextPage }
          }
        }
      }
    }
  }
`);
