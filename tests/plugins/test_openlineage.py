"""What happened, as events of OpenLineage."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from openlineage.client.serde import Serde

from latewood.plugin import (
    ColumnTold,
    DatasetMade,
    DatasetRead,
    DatasetSeen,
    Listener,
    RunHappened,
    RunTold,
    StepHappened,
    Turn,
)
from latewood_openlineage import event_of, listen

AT = datetime(2013, 3, 1, tzinfo=UTC)
RUN = RunTold(project="shop", environment="prod", run="abc", name="nightly")
MADE = DatasetMade(
    environment="prod",
    key="sales/daily",
    version="abc.3",
    partition="2013-01-01",
    columns=("day: date32", "bare"),
    rows=0,
    description="By day.",
    owners=("ann@example.com",),
    column_sources=(
        ColumnTold(column="day", confidence="exact", sources=(("prod", "sales/raw", "at"),)),
        ColumnTold(column="bare", confidence="partial", sources=(("dev", "sales/raw", "x"),)),
    ),
)
STEP = StepHappened(
    of=RUN,
    at=AT,
    turn=Turn.DONE,
    step=3,
    attempt=1,
    assets=("sales/daily",),
    partition="2013-01-01",
    task="shop:daily",
    code="c0de",
    inputs=(DatasetRead(environment="dev", key="sales/raw", version="old.1", partitions="a..c"),),
    outputs=(MADE,),
)


def told(happening, namespace=""):
    return Serde.to_dict(event_of(happening, namespace))


def test_ids_are_the_same_for_ever():
    """Who tells a log again, by whatever release, tells of the same runs."""
    run, step = told(RunHappened(of=RUN, at=AT, turn=Turn.BEGAN)), told(STEP)
    assert run["run"]["runId"] == "202e4a8a-61f1-5ed1-8eb5-2f8b82289b7a"
    assert step["run"]["runId"] == "e1598e65-7065-5732-86d9-62cd82cc2317"
    assert step["run"]["facets"]["parent"]["run"]["runId"] == run["run"]["runId"]
    assert told(replace(STEP, attempt=2))["run"]["runId"] != step["run"]["runId"]
    assert told(replace(STEP, turn=Turn.FAILED))["run"]["runId"] == step["run"]["runId"]


def test_a_run_is_a_job_above_those_of_its_steps():
    event = told(RunHappened(of=RUN, at=AT, turn=Turn.ENDED, selection="tag:a", message="it was cancelled"))
    assert (event["eventType"], event["eventTime"]) == ("ABORT", "2013-03-01T00:00:00+00:00")
    assert (event["job"]["namespace"], event["job"]["name"]) == ("shop", "run:nightly")
    assert event["job"]["facets"]["documentation"]["description"] == "asked for: tag:a"
    assert event["run"]["facets"]["errorMessage"]["message"] == "it was cancelled"
    parent = told(STEP)["run"]["facets"]["parent"]["job"]
    assert (parent["namespace"], parent["name"]) == ("shop", "run:nightly")
    assert told(RunHappened(of=replace(RUN, name=""), at=AT, turn=Turn.BEGAN))["job"]["name"] == "run:materialize"


def test_a_version_is_a_dataset_with_all_that_is_known_of_it():
    event = told(STEP)
    (output,) = event["outputs"]
    facets = {name: _plain(facet) for name, facet in output["facets"].items()}
    direct = [{"type": "DIRECT"}]
    assert (output["namespace"], output["name"]) == ("shop", "sales/daily")
    assert facets == {
        "version": {"datasetVersion": "abc.3"},
        "schema": {"fields": [{"name": "day", "type": "date32", "fields": []}, {"name": "bare", "fields": []}]},
        "documentation": {"description": "By day."},
        "ownership": {"owners": [{"name": "ann@example.com"}]},
        "columnLineage": {
            "dataset": [],
            "fields": {
                "day": {
                    "inputFields": [
                        {"namespace": "shop", "name": "sales/raw", "field": "at", "transformations": direct}
                    ]
                },
                "bare": {
                    "inputFields": [
                        {"namespace": "shop/dev", "name": "sales/raw", "field": "x", "transformations": direct}
                    ],
                    "transformationDescription": "computed from other columns as well, of which nothing is known",
                },
            },
        },
    }
    assert _plain(output["outputFacets"]["outputStatistics"]) == {"rowCount": 0}
    (read,) = event["inputs"]
    assert (read["namespace"], read["name"]) == ("shop/dev", "sales/raw")
    assert read["inputFacets"]["subset"]["inputCondition"]["partitions"][0]["identifier"] == "a..c"
    tags = {tag["key"]: tag["value"] for tag in event["run"]["facets"]["tags"]["tags"]}
    assert tags == {
        "latewood.environment": "prod",
        "latewood.run": "abc",
        "latewood.step": "3",
        "latewood.partition": "2013-01-01",
        "latewood.task": "shop:daily",
        "latewood.code": "c0de",
    }


def test_every_facet_says_who_made_it_and_by_which_schema():
    event = told(STEP)
    facets = [*event["run"]["facets"].values(), *event["job"]["facets"].values()]
    facets += [
        facet for each in event["outputs"] for facet in (*each["facets"].values(), *each["outputFacets"].values())
    ]
    assert all(facet["_producer"] == event["producer"] for facet in facets)
    assert all(facet["_schemaURL"].startswith("https://openlineage.io/spec/facets/") for facet in facets)
    assert event["producer"].startswith("latewood:")


def test_what_is_no_content_of_an_asset_is_told_of_no_dataset():
    variant = told(replace(STEP, variant=True))
    assert (variant["job"]["name"], variant["outputs"]) == ("sales/daily.variant", [])
    several = told(replace(STEP, assets=("a", "b", "c", "d", "e")))
    assert several["job"]["name"] == "a+b+c and 2 more"


def test_what_was_seen_is_a_dataset_without_a_job():
    event = told(DatasetSeen(project="shop", at=AT, dataset=MADE), "catalog")
    assert "job" not in event
    assert (event["dataset"]["namespace"], event["dataset"]["name"]) == ("catalog", "sales/daily")
    source = event["dataset"]["facets"]["columnLineage"]["fields"]["bare"]["inputFields"][0]
    assert source["namespace"] == "catalog/dev"


def test_it_is_told_to_an_address_or_a_file(tmp_path):
    listener = listen(str(tmp_path / "events"))
    assert isinstance(listener, Listener)
    assert listener.tell([STEP, STEP]) == []
    first, second = (tmp_path / "events").read_text().splitlines()
    assert first == second
    assert json.loads(first) == told(STEP)
    for wrong in ("ftp://somewhere", "http://", "https://ann:secret@somewhere"):
        with pytest.raises(ValueError, match="expected") as refused:
            listen(wrong)
        assert "secret" not in str(refused.value)


def _plain(facet):
    return {name: value for name, value in facet.items() if not name.startswith("_")}
