import { graphql, type ResultOf } from "@/graphql.ts";

export const AUTOMATIONS = graphql(`
  query Automations($project: String!, $environment: String!, $asOf: Moment) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        automations {
          name location kind description selection isOn evaluatedUpto problem lastRun
          details {
            __typename
            ... on Schedule { cron timezone }
            ... on Sensor { intervalMs }
            ... on Condition { text }
            ... on FreshnessPolicy { deadline timezone maxLagMs }
            ... on Notification { on }
          }
          evaluations(first: 8) { position type occurredAt actor assets data }
        }
      }
    }
  }
`);

export type AutomationNow = ResultOf<typeof AUTOMATIONS>["project"]["environment"]["automations"][number];

export const SWITCH = graphql(`
  mutation Switch($project: String!, $environment: String!, $name: String!, $on: Boolean!) {
    switchAutomation(project: $project, environment: $environment, name: $name, on: $on) {
      __typename
      ... on AutomationSwitched { name location isOn changed }
      ... on Error { message }
    }
  }
`);

export const AUTOMATION_EVENTS = [
  "automation.defined",
  "automation.dropped",
  "automation.evaluated",
  "automation.switched",
  "environment.deployed",
  "notification.failed",
  "notification.sent",
  "sensor.evaluated",
] as const;
