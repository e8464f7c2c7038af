"""Tables that stay in the system where a job has made them: recorded, read there, brought here, and seen to be gone."""

from crash.conftest import head_keys, let_leases_end
from crash.engines import ended, of_type, until
from latewood.commands.bringing import bringing, bringing_lines
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked, plan_loaded
from latewood.commands.reading import read
from latewood.events import CheckEvaluated, FailureKind, RunStatus, StepFailed, StepReused, StepStarted, StepSucceeded
from latewood.model.jobs import Job
from latewood.testing import jobs
from latewood.testing.jobs import JobServer, history

DAYS = {"day": "string", "flights": "int64?"}
ROWS = [["mon", 2], ["tue", 3]]


def made(columns=DAYS, table="days", **options):
    """An asset whose job makes a table that stays there."""
    said = {"table": {"name": table, "columns": columns, "rows": ROWS}, **options}
    return f"""
import pyarrow as pa
from latewood import Table
from latewood.plugin import runs_on

@asset
@runs_on("local", options={said!r})
def days() -> Table["day: string, flights: int64?"]: ...
"""


READ = """
@asset
def total(days: pa.Table) -> int:
    return sum(days["flights"].to_pylist())
"""

READ_THERE = """
@asset
@runs_on("local", options={"values": {"result": 1}})
def counted(days: pa.Table) -> int: ...
"""

DROPPED = """
@asset
@runs_on("local", options={"drops": "days", "values": {"result": 1}})
def dropped() -> int: ...
"""

CHECKED = """
from latewood import check

@check("days", blocking=True)
def has_rows(days: pa.Table) -> bool:
    return days.num_rows > 0
"""


def made_of(workspace, asset):
    """The output of the last step that has made the asset."""
    id_ = read(workspace).view.ids[asset]
    return [fact.outputs[0] for fact in of_type(workspace, StepSucceeded) if fact.outputs[0].asset == id_][-1]


def value_of(workspace, asset):
    return workspace.store.read(made_of(workspace, asset).artifact)


def test_it_is_a_version_that_readers_get_and_that_other_jobs_read_where_it_is(
    workspace, asked_for, load, within, there
):
    with within():
        asked = asked_for(made() + READ + READ_THERE + CHECKED)
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    table, counted = history(there)
    days = made_of(workspace, "days")
    assert days.artifact == f"io:@local:days#{table.handle}"
    assert days.data_version == f"@local:{table.left['data_version']}"
    assert days.columns == ("day: string", "flights: int64?")
    assert (days.metadata["rows"], days.size) == (2, table.left["bytes"])
    assert value_of(workspace, "total") == b"5"
    assert counted.reads == {"days": ["days"]}
    assert [fact.passed for fact in of_type(workspace, CheckEvaluated)] == [True]
    assert not list(workspace.store.directory.rglob("fetched*"))

    def brings(selection):
        view, plan = plan_loaded(workspace, load(made() + READ + READ_THERE), Asked(selection=selection, force=True))
        return bringing_lines(bringing(workspace, view.catalog, plan))

    size = f"{table.left['bytes']} bytes"
    assert brings("*") == [f"brought here from local: days, {size}, as it is now, for total"]
    assert brings("total or counted") == [f"brought here from local: days, {size}, for total"]


def test_equal_content_made_anew_makes_nothing_below_it_anew(workspace, asked_for, load, within, there):
    with within():
        ended(workspace, asked_for(made() + READ))
        assert ended(workspace, asked_for(made(note="another code") + READ)).reused == 1
        assert len(of_type(workspace, StepReused)) == 1
        # The first one is overwritten: its code does not bring it back.
        assert ended(workspace, asked_for(made() + READ, "days")).ran == 1
    # What runs in this process has it brought, too.
    source = made() + READ.replace("sum(", "1 + sum(")
    assert materialize(workspace, prepare(workspace, load(source), Asked(selection="total"))).tally.ran == 1
    assert value_of(workspace, "total") == b"6"
    assert not list(workspace.store.directory.rglob("fetched*"))


def test_what_is_there_no_more_fails_its_readers_and_is_not_taken_for_what_it_was(workspace, asked_for, within, there):
    with within():
        ended(workspace, asked_for(made()))
        ended(workspace, asked_for(made(table="others")))
        back = asked_for(made())
        assert (ended(workspace, back).reused, len(history(there))) == (1, 2)

        ended(workspace, asked_for(made() + DROPPED, "dropped"))
        assert ended(workspace, asked_for(made() + READ, "total")).failed == 1
        (failed,) = of_type(workspace, StepFailed)
        assert failed.failure.kind is FailureKind.STORE
        assert 'input "days": it lies at days in local: there is nothing there any more' in failed.failure.message

        ended(workspace, asked_for(made(table="others")))
        assert ended(workspace, asked_for(made() + READ)).ran == 2
    assert value_of(workspace, "total") == b"5"


def test_what_is_not_of_its_type_is_no_version(workspace, asked_for, within, there):
    with within():
        assert ended(workspace, asked_for(made(columns={"day": "string", "flights": "double"}))).failed == 1
    (failed,) = of_type(workspace, StepFailed)
    assert "column flights: expected int64, found double" in failed.failure.message
    assert head_keys(workspace) == {}
    assert len(of_type(workspace, StepStarted)) == 1


def test_a_job_that_is_there_is_found_again_though_what_it_has_read_is_there_no_more(
    workspace, asked_for, within, there, here
):
    moody = here / "moody"
    with (here / "latewood.toml").open("a") as file:
        file.write(f'[connectors.moody]\nfactory = "crash.moody_jobs:connect"\nfolder = "{moody}"\n')
    counted = READ_THERE.replace('"local"', '"moody"').replace("@asset", "@asset(retries=3)")
    with jobs.serving(moody):
        (moody / "away").touch()
        with within():
            asked = asked_for(made() + counted)
            until(lambda: history(moody))
        drop = {"drops": "days"}
        JobServer(there).submit(
            Job(key="drop", options=drop, settings={}, parameters={}, inputs={}, outputs={}, labels={})
        )
        (moody / "away").unlink()
        let_leases_end(workspace)
        with within():
            assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    (ran,) = history(moody)
    assert ran.reads["days"][0].startswith(str(workspace.store.directory)), "it was brought here for it"
