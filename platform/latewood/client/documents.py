"""All that the client asks of the schema. Fields have the names of the results' in Python, by aliases."""

from typing import Final

_ERROR: Final = "... on Error { message }"
_PREVIEW: Final = "hash position steps refusal counts { run depends reuse skip fresh blocked }"
_LAUNCHED: Final = f"""{{ __typename
  ... on Launched {{ run {{ id }} repeated position }}
  ... on PlanChanged {{ preview {{ {_PREVIEW} }} }}
  {_ERROR}
}}"""
_ASKED: Final = (
    '$selection: String! = "*", $partition: String! = "", $parameters: [ParameterGiven!]! = [], '
    "$zipped: Boolean! = false, $force: Boolean! = false, $priority: Int! = 0, $only: PartitionsWanted"
)
_AS_ASKED: Final = (
    "selection: $selection, partition: $partition, parameters: $parameters, "
    "zipped: $zipped, force: $force, priority: $priority, only: $only"
)
OF_RUN: Final = """id environment selection partitions status actor automation counts
    requested_at: requestedAt requested_position: requestedPosition ended_at: endedAt ended_position: endedPosition"""
"""The fields of a run of which `Run` is made."""

_EVENT: Final = (
    "position id type stream version occurred_at: occurredAt recorded_at: recordedAt actor cause assets data"
)
_LINK: Final = """reader reader_partition: readerPartition reader_version: readerVersion input asset partitions
    versions: versionsText versions_count: versionsCount depth equal_to: equalTo"""

POSITION: Final = "{ server { position } }"
PREVIEW: Final = f"""query ($project: String!, $environment: String!, {_ASKED}) {{
  project(name: $project) {{ environment(name: $environment) {{ planPreview({_AS_ASKED}) {{ {_PREVIEW} }} }} }}
}}"""
LAUNCH: Final = f"""mutation ($project: String!, $environment: String!, $planHash: String!, $key: String!, {_ASKED}) {{
  launch(project: $project, environment: $environment, planHash: $planHash, key: $key, {_AS_ASKED}) {_LAUNCHED}
}}"""
LAUNCH_PLAN: Final = f"""mutation (
  $project: String!, $environment: String!, $name: String!, $inputs: [InputGiven!]!, $planHash: String!,
  $key: String!, $zipped: Boolean! = false, $force: Boolean! = false, $priority: Int! = 0
) {{
  launchPlan(
    project: $project, environment: $environment, name: $name, inputs: $inputs, planHash: $planHash, key: $key,
    zipped: $zipped, force: $force, priority: $priority
  ) {_LAUNCHED}
}}"""
RUN: Final = f"""query ($project: String!, $id: ID!) {{ project(name: $project) {{ run(id: $id) {{ {OF_RUN} }} }} }}"""
RUNS: Final = f"""query ($project: String!, $environment: String!, $status: RunState, $first: Int!) {{
  project(name: $project) {{ runs(environment: $environment, status: $status, first: $first) {{
    nodes {{ {OF_RUN} }}
  }} }}
}}"""
CANCEL: Final = f"""mutation ($project: String!, $run: ID!, $key: String!) {{
  cancelRun(project: $project, run: $run, key: $key) {{ __typename ... on CancelAsked {{ run {{ id }} }} {_ERROR} }}
}}"""
RETRY: Final = f"""mutation ($project: String!, $run: ID!, $key: String!) {{
  retryRun(project: $project, run: $run, key: $key) {_LAUNCHED}
}}"""
REPORT: Final = f"""mutation (
  $project: String!, $environment: String!, $asset: ID!, $dataVersion: String!, $partition: String!, $metadata: Json,
  $key: String!
) {{
  reportMaterialization(
    project: $project, environment: $environment, asset: $asset, dataVersion: $dataVersion, partition: $partition,
    metadata: $metadata, key: $key
  ) {{ __typename ... on MaterializationReported {{ id }} {_ERROR} }}
}}"""
OBSERVE: Final = f"""mutation (
  $project: String!, $environment: String!, $selection: String!, $partition: String!, $key: String!
) {{
  observe(
    project: $project, environment: $environment, selection: $selection, partition: $partition, key: $key
  ) {{ __typename
    ... on AssetsObserved {{
      id repeated position new: newCount same: sameCount failed: failedCount
      looks {{ asset partition data_version: dataVersion before is_new: isNew metadata error message }}
      not_passed: notPassed {{ asset partition check: checkName blocking message metadata }}
    }}
    {_ERROR}
  }}
}}"""
DEPLOY: Final = f"""mutation ($project: String!, $environment: String!, $location: String!, $key: String!) {{
  deploy(project: $project, environment: $environment, location: $location, key: $key) {{ __typename
    ... on LocationDeployed {{ location deployment before position }}
    ... on DefinitionsInvalid {{ problems {{ message file line }} }}
    {_ERROR}
  }}
}}"""
LINEAGE: Final = f"""query (
  $project: String!, $environment: String!, $asset: ID!, $partition: String!, $version: String!, $up: Int!, $down: Int!,
  $first: Int!, $asOf: Moment
) {{
  project(name: $project, asOf: $asOf) {{ environment(name: $environment) {{
    lineage(asset: $asset, partition: $partition, version: $version, up: $up, down: $down, first: $first) {{
      upstream {{ {_LINK} }} downstream {{ {_LINK} }}
    }}
  }} }}
}}"""
EVENTS: Final = f"""query ($project: String!, $types: [String!], $run: ID, $since: Position!, $first: Int!) {{
  project(name: $project) {{ events(types: $types, run: $run, since: $since, first: $first) {{
    nodes {{ {_EVENT} }}
  }} }}
}}"""
FOLLOW_EVENTS: Final = f"""subscription ($project: String!, $types: [String!], $run: ID, $after: Position) {{
  events(project: $project, types: $types, run: $run, after: $after) {{ {_EVENT} }}
}}"""
FOLLOW_RUN: Final = f"""subscription ($project: String!, $run: ID!) {{
  runProgress(project: $project, run: $run) {{
    total ended rate seconds_left: secondsLeft run {{ {OF_RUN} }}
    tasks {{ assets total ended steps {{ status count partitions is_cut: isCut }} }}
    failures {{ step asset partition error message }}
  }}
}}"""
FOLLOW_LOGS: Final = """subscription ($project: String!, $run: ID!, $step: Int!, $after: String) {
  logs(project: $project, run: $run, step: $step, after: $after) { step attempt check number text }
}"""
ALL: Final = (
    POSITION,
    PREVIEW,
    LAUNCH,
    LAUNCH_PLAN,
    RUN,
    RUNS,
    CANCEL,
    RETRY,
    REPORT,
    OBSERVE,
    DEPLOY,
    LINEAGE,
    EVENTS,
    FOLLOW_EVENTS,
    FOLLOW_RUN,
    FOLLOW_LOGS,
)
