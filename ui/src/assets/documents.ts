import { graphql, type ResultOf } from "@/graphql.ts";

export const CATALOG = graphql(`
  query Catalog(
    $project: String!, $environment: String!, $asOf: Moment
    $selection: String!, $search: String, $first: Int!, $after: String
  ) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        assets(selection: $selection, search: $search, first: $first, after: $after) {
          totalCount
          nodes {
            key description group owners kinds status flags
            partitioning { count }
            partitions { status partitions { count } }
            madeAt
            durations(first: 20)
          }
          pageInfo { endCursor hasNextPage }
        }
      }
    }
  }
`);

export type CatalogRow = ResultOf<typeof CATALOG>["project"]["environment"]["assets"]["nodes"][number];

export const FACETS = graphql(`
  query Facets($project: String!, $environment: String!, $asOf: Moment, $selection: String!, $search: String) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        facets(selection: $selection, search: $search) { name values { value count } }
      }
    }
  }
`);

/** After what the state of assets is another one. */
export const ASSET_EVENTS = [
  "deployment.created",
  "environment.promoted",
  "environment.deployed",
  "heads.moved",
  "step.started",
  "step.succeeded",
  "step.failed",
  "step.reused",
  "asset.observed",
  "check.evaluated",
  "run.ended",
  "versions.retracted",
  "retraction.undone",
  "parameter.pinned",
  "parameter.unpinned",
] as const;
