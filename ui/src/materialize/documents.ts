import { graphql, type ResultOf } from "@/graphql.ts";

/** What a selection means, and what it takes. */
export const TARGETS = graphql(`
  query Targets($project: String!, $environment: String!, $selection: String!) {
    project(name: $project) {
      environment(name: $environment) {
        assets(selection: $selection, first: 1000) {
          totalCount
          nodes {
            key origin location task
            partitioning { title count }
            parameters { name jsonSchema required pinned standing }
          }
        }
      }
    }
  }
`);

type Found = ResultOf<typeof TARGETS>["project"]["environment"];
export type Target = Found["assets"]["nodes"][number];

export const PREVIEW = graphql(`
  query Preview(
    $project: String!, $environment: String!, $selection: String!, $partition: String!
    $parameters: [ParameterGiven!]!, $zipped: Boolean!, $force: Boolean!, $only: PartitionsWanted
  ) {
    project(name: $project) {
      environment(name: $environment) {
        planPreview(
          selection: $selection, partition: $partition
          parameters: $parameters, zipped: $zipped, force: $force, only: $only
        ) {
          hash steps refusal
          counts { run depends reuse skip fresh blocked }
          estimate { p50Ms samples unknownSteps }
          assets(first: 200) {
            totalCount
            nodes {
              assets
              groups { action partitions { count text } reasons { cause subject check } }
            }
          }
          leftOut(first: 20) { totalCount nodes { message } }
          replaces(first: 5) { asset partitions actor }
        }
      }
    }
  }
`);

export type Plan = ResultOf<typeof PREVIEW>["project"]["environment"]["planPreview"];
export type PlannedAsset = Plan["assets"]["nodes"][number];

/** Has just the plan of that hash done, or nothing. */
export const LAUNCH = graphql(`
  mutation Launch(
    $project: String!, $environment: String!, $selection: String!, $partition: String!
    $parameters: [ParameterGiven!]!, $zipped: Boolean!, $force: Boolean!, $only: PartitionsWanted
    $planHash: String!, $key: String!
  ) {
    launch(
      project: $project, environment: $environment, selection: $selection, partition: $partition
      parameters: $parameters, zipped: $zipped, force: $force, only: $only
      planHash: $planHash, key: $key
    ) {
      __typename
      ... on Launched { run { id } }
      ... on Error { message }
    }
  }
`);
