import { graphql, type ResultOf } from "@/graphql.ts";

export const WHY = graphql(`
  query Why($project: String!, $environment: String!, $asOf: Moment, $key: ID!, $partition: String!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        why(asset: $key, partition: $partition) {
          asset partition status since madeBecause
          head { id run madeAt position artifact }
          moved { by position at actor environment run }
          barred { version reason }
          takenFrom { id asset run madeAt position }
          findingsCount
          findings(first: 100) {
            cause asset partitions subject path before after event through failure retraction retracted observed
            undefinedIn pinned pinnedBy
            code { subject name before after }
            moved { by position at actor environment run }
          }
        }
      }
    }
  }
`);

export type Explanation = ResultOf<typeof WHY>["project"]["environment"]["why"];
export type Finding = Explanation["findings"][number];
export type Moved = NonNullable<Explanation["moved"]>;
