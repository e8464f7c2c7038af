"""What catalogs are told of a log: all of it, after a crash the same events again, and nobody waits for a catalog."""

import json
import threading
from dataclasses import replace
from textwrap import dedent
from uuid import UUID

import pytest
from click.testing import CliRunner
from openlineage.client.serde import Serde

from crash.conftest import workspace_on
from crash.engines import until
from crash.receiver import receiving
from histories.history import HISTORIES, read_history
from latewood.cli.app import main
from latewood.commands.environments import create
from latewood.commands.happenings import happenings
from latewood.commands.materializing import materialize, prepare
from latewood.commands.observing import report
from latewood.commands.planning import Asked
from latewood.engine.loading.loader import load_file
from latewood.engine.storage.store import ArtifactStore
from latewood.errors import UsageError
from latewood.plugin import TransientError
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving import relaying
from latewood.serving.relaying import cursor_of, relay
from latewood_eventlog.codec import START
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog
from latewood_eventlog.transfer import restore
from latewood_openlineage import event_of, listen

SOURCE = """
    from datetime import timedelta
    import pyarrow as pa
    from latewood import *
    from latewood.external import external_asset
    from latewood.sql import sql_asset

    days = Daily("2013-01-01", "2013-01-03")

    @asset(owners=["ann@example.com"])
    def flights() -> pa.Table:
        "Every flight."
        return pa.table({"carrier": ["AA", "B6", "AA"], "delay": [1, 2, 3]})

    delays = sql_asset("delays", "SELECT carrier, sum(delay) AS total, random() AS luck FROM flights GROUP BY carrier")

    @asset(partitions=days)
    def by_day(day: PartitionKey, delays: pa.Table) -> int:
        return len(day)

    @asset(retries=Retry(1, backoff=timedelta(0), jitter=0))
    def broken(delays: pa.Table) -> int:
        raise ValueError("no luck")

    rates = external_asset("rates")
"""


@pytest.fixture(scope="module")
def workspace(module_url, tmp_path_factory):
    """All stories are of one log, and none adds to it."""
    log = EventLog(connect(module_url, role="engine"), PROJECTIONS, UPCASTERS)
    yield workspace_on(log, ArtifactStore(tmp_path_factory.mktemp("openlineage") / "store", "default"))
    log.engine.dispose()


@pytest.fixture(scope="module")
def made(workspace, tmp_path_factory):
    """A run in which something fails, one of a branch that takes what there is, and what was seen of others'."""
    file = tmp_path_factory.mktemp("code") / "assets.py"
    file.write_text(dedent(SOURCE))
    loaded = load_file(file, root=file.parent)
    run = materialize(workspace, prepare(workspace, loaded, Asked(selection="*"))).run
    create(workspace, "dev")
    there = replace(workspace, environment="dev")
    again = materialize(there, prepare(there, loaded, Asked(selection="by_day", partition="2013-01-02", force=True)))
    report(workspace, "rates", data_version="1", metadata={"rows": 7})
    return run, again.run


@pytest.fixture
def receiver():
    with receiving() as found:
        yield found


PATH = "/api/v1/lineage"


def told(events, name, kind="COMPLETE"):
    return [event for event in events if event["job"]["name"] == name and event["eventType"] == kind]


def test_runs_steps_and_columns_are_told_to_an_address(workspace, made, receiver):
    run, other = made
    said = []
    where = receiver.address("")
    cursor = cursor_of(workspace, "openlineage", where)
    done = relay(workspace, listen(where, api_key="s3cret"), cursor, say=said.append)
    everything = receiver.told(PATH)
    assert (done.told, done.refused, done.upto, said) == (len(everything), 0, workspace.log.position(), [])
    *events, seen = everything
    assert (seen["dataset"]["namespace"], seen["dataset"]["name"]) == ("default", "rates")
    assert all(headers["authorization"] == "Bearer s3cret" for headers, _ in receiver.at(PATH))

    kinds = {}
    for event in events:
        kinds.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert all(UUID(id_) for id_ in kinds)
    assert sorted(map(tuple, kinds.values())) == sorted(
        [("START", "COMPLETE")] * 6 + [("START", "FAIL")] * 3  # runs and attempts; the broken step has two
    )
    (begun,) = [event for event in told(events, "run:materialize", "START") if event["job"]["namespace"] == "default"]

    (delays,) = told(events, "delays")
    assert delays["run"]["facets"]["parent"]["run"]["runId"] == begun["run"]["runId"]
    tags = {tag["key"]: tag["value"] for tag in delays["run"]["facets"]["tags"]["tags"]}
    assert (tags["latewood.run"], tags["latewood.environment"]) == (run, "prod")
    (flights,) = delays["inputs"]
    assert (flights["namespace"], flights["name"]) == ("default", "flights")
    (output,) = delays["outputs"]
    assert (output["namespace"], output["name"]) == ("default", "delays")
    assert output["facets"]["columnLineage"]["fields"] == {
        "carrier": {"inputFields": [field("flights", "carrier")]},
        "total": {"inputFields": [field("flights", "delay")]},
    }
    assert output["facets"]["schema"]["fields"][0] == {"name": "carrier", "type": "string?", "fields": []}
    statistics = output["outputFacets"]["outputStatistics"]
    assert statistics["rowCount"] == 2
    assert statistics["size"] > 0

    (origin,) = told(events, "flights")
    assert origin["job"]["facets"]["documentation"]["description"] == "Every flight."
    assert origin["outputs"][0]["facets"]["ownership"]["owners"] == [{"name": "ann@example.com"}]
    assert origin["outputs"][0]["facets"]["version"]["datasetVersion"] == flights["facets"]["version"]["datasetVersion"]

    first, second = told(events, "broken", "FAIL")
    assert first["run"]["runId"] != second["run"]["runId"]
    error = second["run"]["facets"]["errorMessage"]
    assert error["message"] == "ValueError: no luck"
    assert "in broken" in error["stackTrace"]
    (failed,) = told(events, "run:materialize", "FAIL")
    assert failed["run"]["facets"]["errorMessage"]["message"] == "the run failed: 1 failed, 4 done"

    (branched,) = [event for event in told(events, "by_day") if event["job"]["namespace"] == "default/dev"]
    assert [(each["namespace"], each["name"]) for each in branched["inputs"]] == [("default", "delays")]
    (output,) = branched["outputs"]
    assert output["namespace"] == "default/dev"
    partitions = output["outputFacets"]["subset"]["outputCondition"]["partitions"]
    assert partitions == [{"identifier": "2013-01-02", "dimensions": {"partition": "2013-01-02"}}]
    assert other in json.dumps(branched)

    assert relay(workspace, listen(where), cursor, say=said.append).told == 0, "all of it was told"


def field(name, column):
    return {"namespace": "default", "name": name, "field": column, "transformations": [{"type": "DIRECT"}]}


class Killed(BaseException):
    pass


def test_who_is_killed_between_telling_and_moving_on_tells_the_same_again(workspace, made, receiver, monkeypatch):
    monkeypatch.setattr(relaying, "PAGE", 4)
    where = receiver.address("")
    cursor = cursor_of(workspace, "openlineage", where)
    move, moves = relaying.Cursor.move, []

    def killed(self, position):
        moves.append(position)
        if len(moves) % 2:
            raise Killed
        move(self, position)

    monkeypatch.setattr(relaying.Cursor, "move", killed)
    for _ in range(50):
        try:
            relay(workspace, listen(where), cursor, say=print)
            break
        except Killed:
            continue
    bodies = [body for _, body in receiver.at(PATH)]
    once = list(dict.fromkeys(bodies))
    assert len(bodies) > len(once)
    page = happenings(workspace, 0, limit=1_000)
    assert page.is_last
    assert len(once) == len(page.happenings), "each page is told as it was, whichever events it begins with"


def test_an_address_that_is_away_is_waited_for_and_keeps_the_place(workspace, made, receiver):
    where = receiver.address("")
    cursor = cursor_of(workspace, "openlineage", where)
    receiver.answers[PATH] = [200, 503]
    with pytest.raises(TransientError, match="answered 503"):
        relay(workspace, listen(where), cursor, say=print)
    assert cursor.read() == 0
    receiver.answers[PATH] = [301]
    with pytest.raises(TransientError, match="answered 301"):
        relay(workspace, listen(where), cursor, say=print)
    with pytest.raises(TransientError, match="cannot be reached"):
        relay(workspace, listen("http://127.0.0.1:9"), cursor, say=print)

    receiver.answers[PATH] = [401, 401, 422]
    said, stop = [], threading.Event()
    following = threading.Thread(
        target=relay,
        args=(workspace, listen(where), cursor),
        kwargs={"stop": stop, "say": said.append, "first_wait_s": 0.01},
    )
    following.start()
    try:
        until(lambda: cursor.read() == workspace.log.position())
    finally:
        stop.set()
        following.join()
    away, refused, back = said
    assert away.endswith("answered 401 Unauthorized; it is tried again")
    assert refused.startswith("refused: START of run:materialize, ")
    assert back == "it goes on"


def test_a_file_has_a_line_for_each_event_and_no_half_ones(workspace, made, module_url, tmp_path, monkeypatch):
    monkeypatch.setenv("LATEWOOD_DATABASE_URL", module_url.reveal())
    monkeypatch.setenv("LATEWOOD_STORE", str(workspace.store.directory.parent))
    monkeypatch.setenv("LATEWOOD_HOME", str(tmp_path))
    file = tmp_path / "lineage.jsonl"
    command = ("openlineage", "--to", str(file), "--namespace", "shop")
    first = CliRunner().invoke(main, command, standalone_mode=False)
    lines = file.read_text().splitlines()
    assert first.output == f"told {len(lines)} events, up to position {workspace.log.position():,} of the log\n"
    *events, _ = map(json.loads, lines)
    assert {event["job"]["namespace"] for event in events} == {"shop", "shop/dev"}
    file.write_bytes(file.read_bytes()[:-10])  # the power went before it was told for good
    CliRunner().invoke(main, (*command, "--after", "0"), standalone_mode=False)
    again = file.read_text().splitlines()
    assert again == [*lines[:-1], *lines]
    end = str(workspace.log.position())
    CliRunner().invoke(main, ("openlineage", "--to", str(tmp_path / "new"), "--after", end), standalone_mode=False)
    later = CliRunner().invoke(main, ("openlineage", "--to", str(tmp_path / "new")), standalone_mode=False)
    assert later.output.startswith("told 0 events"), "it goes on from where it was told to"
    with pytest.raises(UsageError, match="where the log ends; found"):
        CliRunner().invoke(main, (*command, "--after", "999999"), standalone_mode=False, catch_exceptions=False)
    with pytest.raises(UsageError, match="found ftp://"):
        CliRunner().invoke(main, ("openlineage", "--to", "ftp://x"), standalone_mode=False, catch_exceptions=False)


def test_what_a_run_has_left_is_ended_with_it_and_pages_of_any_size_say_the_same(platform_url, tmp_path):
    (history,) = [file for file in HISTORIES if file.stem == "0.1.0-jobs"]
    log = EventLog(connect(platform_url, role="engine"), PROJECTIONS, UPCASTERS)
    restore(log, START, [list(read_history(history))])
    there = workspace_on(log, ArtifactStore(tmp_path / "store", "default"))
    whole = happenings(there, 0, limit=1_000).happenings
    events = [Serde.to_dict(event_of(each)) for each in whole]
    assert [event["eventType"] for event in events if event["job"]["name"] == "endless"] == ["START", "ABORT"]
    assert len(told(events, "refused", "FAIL")) == 2
    after, pieces = 0, []
    while (page := happenings(there, after, limit=3)) and not page.is_last:
        pieces += page.happenings
        after = page.upto
    assert [*pieces, *page.happenings] == list(whole)
    log.engine.dispose()
