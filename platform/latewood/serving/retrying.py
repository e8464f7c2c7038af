"""Retrying a run that ended before all of it was made: a new run of what it has left, by the code that it had.

Engines drive it, who load a deployment's own code; what is deployed by now does not matter.
"""

from dataclasses import replace

from latewood.commands.deployed_code import CodeGone
from latewood.commands.explaining import run_events
from latewood.commands.planning import STATUS, Asked, executable_plan
from latewood.commands.recorded_plan import given_of
from latewood.commands.rerunning import UNFINISHED, location_of, unfinished_places
from latewood.commands.views import PRESENT, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.progress import progress_of
from latewood.errors import Conflict
from latewood.model.keys import RunId
from latewood.projections.runs import RunRow
from latewood.projections.snapshots import snapshot, uncollected
from latewood.serving.requesting import Requested, as_deployed, request


def retry(workspace: Workspace, row: RunRow, *, digest: str = "") -> Requested:
    """Ask engines for what the run has not finished, with its deployments and parameters.

    Pins and configurations are those of now. Empty where others have made all of it since. Raises Conflict for a run
    that goes on, for one that has finished, and where the code of then is gone. `digest` as in `request_of`.
    """
    if row.status in ("running", "queued"):
        raise Conflict(
            f"run {row.run} is {row.status}; `latewood run cancel {row.run}` ends it, then it can be retried"
        )
    progress = progress_of(run_events(workspace, row.run))
    requested = progress.requested
    workspace = replace(workspace, environment=requested.environment)
    with uncollected(), snapshot(workspace.log) as connection:
        view = read_view(connection, workspace, as_of=PRESENT, loaded=None, ids={}, pinned=requested.deployments)
    asked = Asked(
        selection=requested.selection,
        partition=requested.partitions,
        zipped=requested.zipped,
        force=requested.force or requested.only == f"{STATUS}failed",
        priority=requested.priority,
        launch=requested.launch,
        again=given_of(requested),
        rerun_of=row.run,
        only=UNFINISHED,
        places=unfinished_places(progress, view),
        partitions_at=row.requested_at,
    )
    plan = executable_plan(workspace, view, asked)
    location = requested.location or location_of(workspace, requested)
    prepared = as_deployed(view, location, asked, plan)
    if not plan.length:
        return Requested(run=RunId(""), steps=0)
    try:
        return request(workspace, prepared, digest=digest)
    except CodeGone as error:
        raise Conflict(f"{error}; `latewood rerun {row.run}` asks for it by what is deployed now") from error
