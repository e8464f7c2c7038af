import { ASSET_EVENTS } from "@/assets/documents.ts";
import { graphql, type ResultOf } from "@/graphql.ts";
import { RUN_EVENTS } from "@/runs/documents.ts";

export const ATTENTION = graphql(`
  query Attention($project: String!, $environment: String!, $asOf: Moment, $first: Int!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        attention(first: $first) {
          totalCount
          nodes {
            asset { key }
            troubles checks sinceAt because downstream heldUp
            partitions { count text }
            overdue { policy why }
          }
        }
      }
    }
  }
`);

export type Needed = ResultOf<typeof ATTENTION>["project"]["environment"]["attention"]["nodes"][number];

export const LAST_FAILURE = graphql(`
  query LastFailure($project: String!, $environment: String!, $asOf: Moment) {
    project(name: $project, asOf: $asOf) {
      runs(environment: $environment, status: FAILED, first: 1) { nodes { id endedAt } }
    }
  }
`);

export const RUNNING = graphql(`
  query RunningNow($project: String!, $environment: String!, $asOf: Moment, $first: Int!) {
    project(name: $project, asOf: $asOf) {
      runningRuns(environment: $environment, first: $first) {
        nodes { id selection partitions status requestedAt progress { ended total } }
        pageInfo { hasNextPage }
      }
    }
  }
`);

export const RUNNING_EVENTS = [...RUN_EVENTS, "step.succeeded", "step.failed", "step.reused"] as const;

export const GROUPS = graphql(`
  query GroupsNow($project: String!, $environment: String!, $asOf: Moment) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        groups(first: 1000) { name assets fresh stale missing failed running }
      }
    }
  }
`);

export type GroupNow = ResultOf<typeof GROUPS>["project"]["environment"]["groups"][number];

export const CHANGES = graphql(`
  query ChangedLately(
    $project: String!, $environment: String!, $asOf: Moment, $types: [String!], $first: Int!
  ) {
    project(name: $project, asOf: $asOf) {
      events(environment: $environment, types: $types, newestFirst: true, first: $first) {
        nodes { position type occurredAt actor assets data }
      }
    }
  }
`);

/** What somebody did, or what came of it; not each step of each run. */
export const CHANGE_TYPES = [
  "asset.renamed",
  "automation.switched",
  "environment.created",
  "environment.deployed",
  "environment.promoted",
  "heads.moved",
  "parameter.pinned",
  "parameter.unpinned",
  "resource.configured",
  "retraction.undone",
  "run.ended",
  "versions.retracted",
] as const;

export const ATTENTION_EVENTS = [...ASSET_EVENTS, "automation.evaluated", "automation.switched"] as const;
