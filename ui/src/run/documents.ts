import { graphql, type ResultOf } from "@/graphql.ts";

export const RUN = graphql(`
  query Run($project: String!, $asOf: Moment, $run: ID!) {
    project(name: $project, asOf: $asOf) {
      run(id: $run) { id environment selection partitions status actor requestedAt endedAt counts }
    }
  }
`);

export type RunOf = ResultOf<typeof RUN>["project"]["run"];

export const PROGRESS = graphql(`
  subscription RunProgress($project: String!, $run: ID!) {
    runProgress(project: $project, run: $run) {
      run { status endedAt counts }
      total ended rate secondsLeft
      tasks { assets total ended trials steps { status count partitions isCut } }
      failures { step asset partition error message }
    }
  }
`);

export type Progress = ResultOf<typeof PROGRESS>["runProgress"];
/** How a task stands, whichever variants of a sweep its steps are of. */
export type Task = Omit<Progress["tasks"][number], "trials">;

export const STEPS = graphql(`
  query Steps($project: String!, $asOf: Moment, $run: ID!, $first: Int!, $after: String) {
    project(name: $project, asOf: $asOf) {
      run(id: $run) {
        steps(first: $first, after: $after) {
          totalCount
          nodes { number assets partition status attempt startedAt durationMs }
          pageInfo { endCursor hasNextPage }
        }
      }
    }
  }
`);

/** A step that has begun. */
export type StepRow = ResultOf<typeof STEPS>["project"]["run"]["steps"]["nodes"][number];

/** What steps make, from a number on. */
export const STEP_NAMES = graphql(`
  query StepNames($project: String!, $asOf: Moment, $run: ID!, $above: Int!) {
    project(name: $project, asOf: $asOf) {
      run(id: $run) { steps(first: 1000, above: $above) { nodes { number assets partition } } }
    }
  }
`);

export const ATTEMPTS = graphql(`
  query Attempts($project: String!, $asOf: Moment, $run: ID!, $above: Int!) {
    project(name: $project, asOf: $asOf) {
      run(id: $run) {
        steps(first: 1, above: $above) {
          nodes {
            number
            attempts { number status startedAt durationMs reasons retryAt failure { kind error message traceback } }
          }
        }
      }
    }
  }
`);

export type Attempt = ResultOf<typeof ATTEMPTS>["project"]["run"]["steps"]["nodes"][number]["attempts"][number];

/** Why a step is how it is, as far as its attempts do not say it. */
export const WHY_STEP = graphql(`
  query WhyStep($project: String!, $asOf: Moment, $run: ID!, $step: Int!) {
    project(name: $project, asOf: $asOf) {
      whyStep(run: $run, step: $step) {
        decision assets partition skipped because noReuse lost
        taken { asset version source }
        waits {
          kind count engines until pool limit
          steps { run step assets partition }
          slots { holder run step since }
        }
        jobs { attempt connector key handle state link }
      }
    }
  }
`);

export type StepWhy = ResultOf<typeof WHY_STEP>["project"]["whyStep"];
export type Wait = StepWhy["waits"][number];
export type Job = StepWhy["jobs"][number];

/** What is planned, of which the steps that nobody has begun have nothing else. */
export const PLANNED = graphql(`
  query PlannedSteps($project: String!, $asOf: Moment, $run: ID!) {
    project(name: $project, asOf: $asOf) {
      whyRun(run: $run) { planned(first: 1000) { nodes { assets action first steps partitions { text } } } }
    }
  }
`);

export type Planned = ResultOf<typeof PLANNED>["project"]["whyRun"]["planned"]["nodes"][number];

/** Which of these assets reads which, in which group each is, and what other systems make some of them. */
export const READ_BY = graphql(`
  query ReadBy($project: String!, $of: String!, $asOf: Moment, $selection: String!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $of) { assetGraph(selection: $selection) { keys groups groupOf connectors edgesFrom edgesTo } }
    }
  }
`);

export type AssetGraph = ResultOf<typeof READ_BY>["project"]["environment"]["assetGraph"];

/** When steps ran, each in its last attempt. */
export const TIMELINE = graphql(`
  query Timeline($project: String!, $asOf: Moment, $run: ID!) {
    project(name: $project, asOf: $asOf) {
      run(id: $run) { timeline(first: 10000) { steps startMs durationMs statusNames statusOf endStep } }
    }
  }
`);

export type Timeline = ResultOf<typeof TIMELINE>["project"]["run"]["timeline"];

/** When other systems were given the jobs that attempts of steps are. */
export const JOBS = graphql(`
  query RunJobs($project: String!, $asOf: Moment, $run: ID!, $types: [String!]!) {
    project(name: $project, asOf: $asOf) {
      events(run: $run, types: $types, newestFirst: true, first: 1000) { nodes { type recordedAt data } }
    }
  }
`);

export const JOB_EVENTS = ["job.prepared", "job.submitted"] as const;

export const CANCEL = graphql(`
  mutation Cancel($project: String!, $run: ID!) {
    cancelRun(project: $project, run: $run) {
      __typename
      ... on Error { message }
    }
  }
`);

/** After what a run stands otherwise. */
export const STATE_EVENTS = ["run.planned", "run.started", "run.ended", "run.cancel_requested"] as const;

/** After what its steps do. */
export const STEP_EVENTS = [
  "step.started",
  "step.expanded",
  "step.succeeded",
  "step.failed",
  "step.reused",
  "step.skipped",
  "run.ended",
] as const;

export const LINES = graphql(`
  query Lines(
    $project: String!, $asOf: Moment, $run: ID!, $step: Int, $search: String!
    $first: Int, $after: String, $last: Int, $before: String
  ) {
    project(name: $project, asOf: $asOf) {
      run(id: $run) {
        logs(step: $step, search: $search, first: $first, after: $after, last: $last, before: $before) {
          nodes { cursor step attempt check number text }
          startCursor endCursor hasNextPage hasPreviousPage isOver
        }
      }
    }
  }
`);

export type LinesPage = ResultOf<typeof LINES>["project"]["run"]["logs"];
export type Line = LinesPage["nodes"][number];
