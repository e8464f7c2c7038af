import { graphql, type ResultOf } from "@/graphql.ts";

export const EVENTS = graphql(`
  query Logged($project: String!, $asOf: Moment, $types: [String!], $first: Int!, $after: String) {
    project(name: $project, asOf: $asOf) {
      events(types: $types, newestFirst: true, first: $first, after: $after) {
        nodes { position type stream version occurredAt actor cause assets data }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
`);

export type Logged = ResultOf<typeof EVENTS>["project"]["events"]["nodes"][number];

/** The event behind a position: the next one. */
export const EVENT = graphql(`
  query LoggedOne($project: String!, $asOf: Moment, $behind: Position!) {
    project(name: $project, asOf: $asOf) {
      events(since: $behind, first: 1) {
        nodes { position type stream version occurredAt actor cause assets data }
      }
    }
  }
`);
