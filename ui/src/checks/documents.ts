import { graphql, type ResultOf } from "@/graphql.ts";

export const VERDICTS = graphql(`
  query Verdicts($project: String!, $environment: String!, $asOf: Moment, $key: ID!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        asset(key: $key) {
          verdicts(first: 500) {
            checkName partition version passed blocking severity message metadata position evaluatedAt
          }
        }
      }
    }
  }
`);

export type Verdict = ResultOf<typeof VERDICTS>["project"]["environment"]["asset"]["verdicts"][number];
