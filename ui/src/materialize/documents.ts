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

/** What would be done, whatever it is asked for by. */
const PLAN = graphql(`
  fragment PlanOf on PlanPreview {
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
`);

export const PREVIEW = graphql(
  `
    query Preview(
      $project: String!, $environment: String!, $selection: String!, $partition: String!
      $parameters: [ParameterGiven!]!, $zipped: Boolean!, $force: Boolean!, $only: PartitionsWanted
    ) {
      project(name: $project) {
        environment(name: $environment) {
          planPreview(
            selection: $selection, partition: $partition
            parameters: $parameters, zipped: $zipped, force: $force, only: $only
          ) { ...PlanOf }
        }
      }
    }
  `,
  [PLAN],
);

export const LAUNCH_PREVIEW = graphql(
  `
    query LaunchPreview(
      $project: String!, $environment: String!, $name: String!
      $inputs: [InputGiven!]!, $zipped: Boolean!, $force: Boolean!
    ) {
      project(name: $project) {
        environment(name: $environment) {
          launchPlanPreview(name: $name, inputs: $inputs, zipped: $zipped, force: $force) { ...PlanOf }
        }
      }
    }
  `,
  [PLAN],
);

export type Plan = ResultOf<typeof PREVIEW>["project"]["environment"]["planPreview"];
export type PlannedAsset = Plan["assets"]["nodes"][number];

/** What has a name by which it is launched. */
export const LAUNCHABLES = graphql(`
  query Launchables($project: String!, $environment: String!, $asOf: Moment) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        launchPlans(first: 200) {
          nodes {
            name location isWorkflow workflow selection description
            inputs { name jsonSchema default required isFixed }
          }
        }
      }
    }
  }
`);

export type Launchable = ResultOf<typeof LAUNCHABLES>["project"]["environment"]["launchPlans"]["nodes"][number];

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

/** The same of what has a name. */
export const LAUNCH_BY_NAME = graphql(`
  mutation LaunchByName(
    $project: String!, $environment: String!, $name: String!
    $inputs: [InputGiven!]!, $zipped: Boolean!, $force: Boolean!
    $planHash: String!, $key: String!
  ) {
    launchPlan(
      project: $project, environment: $environment, name: $name
      inputs: $inputs, zipped: $zipped, force: $force
      planHash: $planHash, key: $key
    ) {
      __typename
      ... on Launched { run { id } }
      ... on Error { message }
    }
  }
`);
