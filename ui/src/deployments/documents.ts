import { graphql, type ResultOf } from "@/graphql.ts";

export const DEPLOYMENTS = graphql(`
  query Deployments($project: String!, $asOf: Moment) {
    project(name: $project, asOf: $asOf) {
      locations {
        name
        deployments(first: 50) { id assets position createdAt actor changed dropped environments }
      }
    }
  }
`);

export type LocationNow = ResultOf<typeof DEPLOYMENTS>["project"]["locations"][number];

export const DIFFERENCE = graphql(`
  query Difference($project: String!, $asOf: Moment, $before: ID!, $after: ID!) {
    project(name: $project, asOf: $asOf) {
      deploymentDifference(before: $before, after: $after) {
        addedCount removedCount changedCount
        added(first: 200) { kind name }
        removed(first: 200) { kind name }
        changed(first: 200) { kind name code { subject name before after } parts { what before after } }
      }
    }
  }
`);

export type Changed = ResultOf<typeof DIFFERENCE>["project"]["deploymentDifference"]["changed"][number];

export const ROLL_BACK = graphql(`
  mutation RollBackDeployment($project: String!, $environment: String!, $location: String!, $deployment: ID!) {
    deploymentRollback(project: $project, environment: $environment, location: $location, deployment: $deployment) {
      __typename
      ... on DeploymentRolledBack { deployment before staleCount freshCount droppedCount }
      ... on Error { message }
    }
  }
`);

export const DEPLOYMENT_EVENTS = ["deployment.created", "environment.deployed", "environment.promoted"] as const;
