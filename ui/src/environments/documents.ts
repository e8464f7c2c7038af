import { graphql, type ResultOf } from "@/graphql.ts";

export const ENVIRONMENT = graphql(`
  query OneEnvironment($project: String!, $asOf: Moment, $name: String!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $name) {
        name base basePosition
        assets(first: 1) { totalCount }
        fresh: assets(selection: "status:fresh", first: 1) { totalCount }
      }
      created: events(types: ["environment.created"], environment: $name, newestFirst: true, first: 1) {
        nodes { position }
      }
    }
  }
`);

export const SINCE = graphql(`
  query SinceBranched($project: String!, $asOf: Moment, $name: String!, $since: Moment!) {
    project(name: $project, asOf: $asOf) {
      changes(since: $since) {
        environment(name: $name) {
          heads(first: 50) { totalCount nodes { key count } }
          deployments { location before after }
          parameters(first: 50) { totalCount nodes { asset name before after } }
        }
      }
    }
  }
`);

export type Since = ResultOf<typeof SINCE>["project"]["changes"]["environment"];

export const CREATE = graphql(`
  mutation CreateEnvironment($project: String!, $name: String!, $base: String!) {
    createEnvironment(project: $project, name: $name, base: $base) {
      __typename
      ... on Error { message }
    }
  }
`);

export const DROP = graphql(`
  mutation DropEnvironment($project: String!, $name: String!) {
    dropEnvironment(project: $project, name: $name) {
      __typename
      ... on EnvironmentDropped { name }
      ... on Error { message }
    }
  }
`);

export const PROMOTE = graphql(`
  mutation Promote($project: String!, $source: String!, $target: String!) {
    promoteEnvironment(project: $project, source: $source, target: $target) {
      __typename
      ... on EnvironmentPromoted { assets(first: 1) { totalCount } locations pinsCount target { name } }
      ... on Error { message }
    }
  }
`);

export const ENVIRONMENT_EVENTS = [
  "environment.created",
  "environment.deployed",
  "environment.dropped",
  "environment.promoted",
  "heads.moved",
  "parameter.pinned",
  "parameter.unpinned",
  "run.ended",
] as const;
