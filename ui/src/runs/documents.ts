import { graphql, type ResultOf } from "@/graphql.ts";

export const RUNS = graphql(`
  query Runs(
    $project: String!, $environment: String!, $asOf: Moment
    $status: RunState, $since: DateTime, $until: DateTime, $first: Int!, $after: String
  ) {
    project(name: $project, asOf: $asOf) {
      runs(environment: $environment, status: $status, since: $since, until: $until, first: $first, after: $after) {
        totalCount
        nodes { id selection partitions status actor requestedAt endedAt counts }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
`);

export type RunRow = ResultOf<typeof RUNS>["project"]["runs"]["nodes"][number];

/** Runs as far as they are; of which those of partitions are backfills. */
export const BACKFILLS = graphql(`
  query Backfills($project: String!, $environment: String!, $asOf: Moment, $first: Int!, $after: String) {
    project(name: $project, asOf: $asOf) {
      runs(environment: $environment, first: $first, after: $after) {
        nodes { id selection partitions status actor requestedAt endedAt counts progress { ended total } }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
`);

export type BackfillRow = ResultOf<typeof BACKFILLS>["project"]["runs"]["nodes"][number];

export const DENSITY = graphql(`
  query Density(
    $project: String!, $environment: String!, $asOf: Moment, $since: DateTime!, $until: DateTime!, $buckets: Int!
  ) {
    project(name: $project, asOf: $asOf) {
      runDensity(environment: $environment, since: $since, until: $until, buckets: $buckets) {
        since until series { status counts }
      }
    }
  }
`);

export type Density = ResultOf<typeof DENSITY>["project"]["runDensity"];

export const RETRY = graphql(`
  mutation Retry($project: String!, $run: ID!, $key: String!) {
    retryRun(project: $project, run: $run, key: $key) {
      __typename
      ... on Launched { run { id } }
      ... on Error { message }
    }
  }
`);

/** After what the list of runs is another one. */
export const RUN_EVENTS = ["run.requested", "run.planned", "run.started", "run.ended", "run.cancel_requested"] as const;
