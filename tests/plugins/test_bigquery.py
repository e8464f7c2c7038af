"""BigQuery's connector by Google's client, against a stand-in for the service that takes ids once."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pyarrow import parquet

from latewood import Daily, asset
from latewood.engine.loading.loader import load_file
from latewood.engine.queries.database import QueryFailed
from latewood.errors import DefinitionsInvalid
from latewood.plugin import Found, Job, JobInput, JobOutput, JobState, PermanentError, TransientError, what_runs
from latewood.sql import sql_asset
from latewood.testing.connector import Samples, check_connector
from latewood_bigquery import connect
from latewood_bigquery.columns import arrow_columns
from latewood_bigquery.statements import configuration, table_name
from plugins.fake_bigquery import refusal, served

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = (NOW, NOW + timedelta(days=1))


@asset
def raw() -> pa.Table:
    return pa.table({"n": [1]})


late = sql_asset(
    "reports/late",
    "SELECT n, raw.n AS again FROM raw JOIN `world.open.flights` USING (n) WHERE n > :over AND day IN UNNEST(:days)",
    dialect="bigquery",
    parameters={"over": 15, "days": list[str]},
    settings={"maximum_bytes_billed": 10_000},
)
daily = sql_asset(
    "reports/daily",
    "SELECT * FROM reports.late AS l WHERE at >= :partition_start AND key = :partition_key",
    dialect="bigquery",
    partitions=Daily("2026-03-01", "2026-03-04"),
)


def job_of(made, key="a-1", inputs=None, partition="", window=None, **parameters):
    found = what_runs(made.function)
    return Job(
        key=key,
        options=found.options,
        settings=found.settings,
        parameters=parameters,
        inputs=inputs or {},
        outputs={"result": JobOutput(type="Table", path="")},
        labels={"project": "Flights EU", "asset": made.options["key"], "run": "r1"},
        partition=partition,
        window=window,
    )


def there(*addresses, connector="bigquery"):
    return tuple(JobInput(partition="", data_version="", address=each, connector=connector) for each in addresses)


def told(job, **defaults):
    return configuration(job, "p", "d", defaults, {"team": "data"})


@pytest.fixture(scope="module")
def service():
    with served() as found:
        yield found


@pytest.fixture
def fake(service):
    service[0].refuses.clear()
    return service[0]


@pytest.fixture
def bigquery(service):
    return connect(project="p", dataset="d", endpoint=service[1])


# ── what is submitted ─────────────────────────────────────────────────────────────────────────────────


def test_a_table_is_replaced_by_the_query_with_its_tables_where_they_lie():
    said = told(job_of(late, inputs={"raw": there("p.d.raw")}, over=20, days=["1", "2"]), priority="batch")
    query = said["query"]
    assert query["query"] == (
        "CREATE OR REPLACE TABLE `p.d.reports__late` AS SELECT n, raw.n AS again FROM `p.d.raw` AS `raw` "
        "JOIN `world.open.flights` USING (n) WHERE n > @over AND day IN UNNEST(@days)"
    )
    over, days = query["queryParameters"]
    assert over == {"name": "over", "parameterType": {"type": "INT64"}, "parameterValue": {"value": "20"}}
    assert days["parameterType"] == {"type": "ARRAY", "arrayType": {"type": "STRING"}}
    assert days["parameterValue"] == {"arrayValues": [{"value": "1"}, {"value": "2"}]}
    assert (query["maximumBytesBilled"], query["priority"]) == ("10000", "BATCH")
    assert said["labels"] == {"project": "flights_eu", "asset": "reports_late", "run": "r1", "team": "data"}


def test_tables_of_different_assets_have_different_names_without_dots():
    assert [table_name(key) for key in ("raw_x/late-1", "a__b", "v1.2")] == ["raw_x__late-1", "a_-u_b", "v1_-p2"]
    keys = ["".join(letters) for size in range(1, 6) for letters in product("_/.-apu", repeat=size)]
    names = [table_name(key) for key in keys if re.fullmatch(r"[apu_][apu_.-]*(/[apu_][apu_.-]*)*", key)]
    assert len({*names}) == len(names) > 5_000
    assert {*"".join(names)} == {*"_-apu"}


def test_a_key_with_dots_is_a_table_of_the_same_dataset():
    dotted = replace(job_of(late, inputs={"raw": there("p.d.raw")}, over=1, days=[]), labels={"asset": "v1.2"})
    assert "TABLE `p.d.v1_-p2` AS" in told(dotted)["query"]["query"]
    query = told(replace(dotted, partition="2026-03-01", window=DAY))["query"]
    assert query["destinationTable"] == {"projectId": "p", "datasetId": "d", "tableId": "v1_-p2$20260301"}


def test_a_partition_is_replaced_alone_and_those_that_it_reads_are_read_alone():
    read = there("p.d.reports__late$20260301", "p.d.reports__late$2026030211")
    query = told(job_of(daily, inputs={"reports_late": read}, partition="2026-03-01", window=DAY))["query"]
    assert query["query"].startswith(
        "SELECT * FROM (SELECT * FROM `p.d.reports__late` WHERE _PARTITIONTIME IN "
        '(TIMESTAMP "2026-03-01 00:00:00", TIMESTAMP "2026-03-02 11:00:00")) AS l WHERE at >= @partition_start'
    )
    table = {"projectId": "p", "datasetId": "d", "tableId": "reports__daily$20260301"}
    assert (query["destinationTable"], query["timePartitioning"]) == (table, {"type": "DAY"})
    assert query["writeDisposition"] == "WRITE_TRUNCATE"
    values = {each["name"]: each["parameterValue"]["value"] for each in query["queryParameters"]}
    assert values == {"partition_start": "2026-03-01T00:00:00+00:00", "partition_key": "2026-03-01"}


@pytest.mark.parametrize(
    ("start", "end", "written"),
    [
        ("2026-03-01T05", "2026-03-01T06", "2026030105"),
        ("2026-02-01T00", "2026-03-01T00", "202602"),
        ("2026-01-01T00", "2027-01-01T00", "2026"),
        ("2026-03-02T00", "2026-03-09T00", "a month or a year"),
    ],
)
def test_partitions_are_those_that_bigquery_has(start, end, written):
    window = tuple(datetime.fromisoformat(f"{moment}:00:00+00:00") for moment in (start, end))
    job = job_of(daily, inputs={"reports_late": there("p.d.late")}, partition="x", window=window)
    if len(written) > 10:
        with pytest.raises(PermanentError, match=written):
            told(job)
    else:
        assert told(job)["query"]["destinationTable"]["tableId"] == f"reports__daily${written}"


def test_a_day_is_one_also_where_clocks_change():
    zone = ZoneInfo("America/New_York")
    window = (datetime(2026, 3, 8, tzinfo=zone), datetime(2026, 3, 9, tzinfo=zone))
    job = job_of(daily, inputs={"reports_late": there("p.d.late")}, partition="x", window=window)
    assert told(job)["query"]["destinationTable"]["tableId"] == "reports__daily$20260308"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"inputs": {"raw": there("/x.parquet", connector="")}}, '"raw" is not in BigQuery'),
        ({"inputs": {}}, '"raw": expected one table to read, found 0'),
        ({"inputs": {"raw": there("p.d.t")}, "partition": "eu"}, "BigQuery has partitions of a day"),
    ],
)
def test_what_can_be_no_job_is_refused(changed, said):
    with pytest.raises(PermanentError, match=said):
        told(job_of(late, over=1, days=[], **changed))
    with pytest.raises(PermanentError, match='no "slots"'):
        told(job_of(late, inputs={"raw": there("p.d.t")}, over=1, days=[]), slots=3)


# ── what comes of it ──────────────────────────────────────────────────────────────────────────────────


def options(text):
    return {"query": [text], "parameters": {}, "partition": []}


def test_it_keeps_what_connectors_keep(service):
    kept = []
    samples = Samples(
        quick=options("SELECT 1 AS n"),
        failing=options("SELECT * FROM no_such"),
        long=options("SELECT long()"),
        table=options("SELECT 1 AS n"),
        counted=True,
        outputs={"result": "Table"},
        patience=timedelta(seconds=20),
    )
    check_connector(lambda: connect(project="p", dataset="d", endpoint=service[1]), samples, kept.append)
    assert len(kept) == 13


def read_job(key, **changed):
    return job_of(late, key, inputs={"raw": there("p.d.raw")}, over=1, days=[], **changed)


def test_a_key_that_is_submitted_twice_is_one_job_and_says_what_it_has_used(bigquery, fake):
    handles = {bigquery.submit(read_job("twice")) for _ in range(2)}
    assert handles == {"p:US.twice"}
    assert bigquery.find("twice", NOW) == Found("p:US.twice")
    status = bigquery.poll("p:US.twice")
    assert status.metrics == {"bytes_processed": 1000, "bytes_billed": 10485760, "slot_ms": 250}
    assert "project=p&j=bq:US:twice" in status.links["bigquery"]
    left = status.elsewhere["result"]
    assert (left.address, left.rows, left.bytes) == ("p.d.reports__late", 2, 64)
    assert left.columns == {"n": "int64", "word": "string?", "each": "list<int64>"}


def test_what_another_one_has_written_since_is_not_taken_for_it(bigquery, fake):
    bigquery.submit(read_job("first"))
    bigquery.submit(read_job("second"))
    first, second = (bigquery.poll(f"p:US.{key}").elsewhere["result"] for key in ("first", "second"))
    assert second.data_version == bigquery.fingerprint(second.address)
    assert first.data_version.endswith("-overwritten")


def test_a_partition_has_a_version_of_its_own_and_is_brought_alone(bigquery, fake, tmp_path):
    made = {}
    for day in (DAY, (DAY[1], DAY[1] + timedelta(days=1))):
        key = f"{day[0]:%Y-%m-%d}"
        job = job_of(daily, key, {"reports_late": there("p.d.late")}, key, day)
        made[key] = bigquery.poll(bigquery.submit(job)).elsewhere["result"]
    first, second = made.values()
    assert first.address == "p.d.reports__daily$20260301"
    assert (first.data_version, second.data_version) == tuple(
        map(bigquery.fingerprint, (first.address, second.address))
    )
    assert first.data_version != second.data_version
    assert bigquery.fingerprint("p.d.reports__daily$20260401") == ""
    bigquery.fetch(first.address, tmp_path / "day.parquet")
    assert ("GET", "/bigquery/v2/projects/p/datasets/d/tables/reports__daily$20260301/data") in fake.asked
    assert parquet.read_table(tmp_path / "day.parquet").to_pylist() == [
        {"n": 1, "word": "a", "each": [7]},
        {"n": 2, "word": None, "each": []},
    ]


def test_what_is_refused_is_said_in_the_words_of_bigquery(bigquery, fake):
    with pytest.raises(PermanentError, match=r'^Syntax error: Unexpected identifier "SELEC" at \[1:1\]$'):
        bigquery.submit(job_of(sql("SELEC 1"), "refused"))
    failed = bigquery.poll(bigquery.submit(job_of(sql("SELECT * FROM no_such"), "failed")))
    assert (failed.state, failed.message) == (JobState.FAILED, "Not found: Table p:d.no_such was not found")
    fake.refuses = [refusal(409, "invalid", "Conflicting flag")]
    with pytest.raises(PermanentError, match="Conflicting flag"):
        bigquery.submit(read_job("conflict"))


def sql(text):
    found = sql_asset("reports/x", "SELECT 1 AS n", dialect="bigquery")
    what_runs(found.function).options["query"][:] = [text]
    return found


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (refusal(503, "backendError", "try later"), TransientError),
        (refusal(429, "rateLimitExceeded", "too many"), TransientError),
        (refusal(403, "quotaExceeded", "quota"), TransientError),
        (refusal(403, "accessDenied", "Access Denied: Project p"), PermanentError),
        (refusal(501, "notImplemented", "not here"), PermanentError),
    ],
)
def test_what_passes_is_told_from_what_does_not(bigquery, fake, refused, error):
    for act in (bigquery.find, lambda key, _: bigquery.submit(read_job(key))):
        fake.refuses = [refused]
        with pytest.raises(error, match=refused[1]["error"]["message"]):
            act("passes", NOW)
    assert "passes" not in fake.jobs


def test_a_service_that_is_not_reached_is_asked_again():
    nobody = connect(project="p", endpoint="http://127.0.0.1:9")
    with pytest.raises(TransientError, match=r"127\.0\.0\.1"):
        nobody.find("key", NOW)


def test_what_is_wrong_here_is_not_taken_for_a_service_that_is_not_reached(bigquery, fake, tmp_path):
    left = bigquery.poll(bigquery.submit(read_job("fetched"))).elsewhere["result"]
    with pytest.raises(FileNotFoundError):
        bigquery.fetch(left.address, tmp_path / "no such folder" / "table.parquet")


def test_credentials_are_those_of_a_key_and_in_no_message(monkeypatch, tmp_path):
    with pytest.raises(ValueError) as refused:
        connect(credentials=json.dumps({"type": "service_account", "private_key": "secret-of-ours"}))
    assert "secret-of-ours" not in str(refused.value)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(Exception, match=r"none\.json was not found"):
        connect(project="p")


def test_columns_are_those_that_rows_are_brought_in():
    class Field:
        def __init__(self, name, field_type, mode="NULLABLE", fields=()):
            self.name, self.field_type, self.mode, self.fields = name, field_type, mode, fields

    inner = [Field("at", "TIMESTAMP"), Field("p q", "NUMERIC")]
    columns = arrow_columns([Field("s", "RECORD", "REPEATED", inner), Field("d", "DATE", "REQUIRED")])
    assert columns == {"s": 'list<struct<"at": timestamp[us, tz=UTC], "p q": decimal128(38, 9)>>', "d": "date32"}
    assert arrow_columns([Field("d", "DATE"), Field("where", "GEOGRAPHY")]) == {}


# ── how it is written ─────────────────────────────────────────────────────────────────────────────────

HEAD = """
from datetime import timedelta
import pyarrow as pa
from latewood import *
from latewood.partitions import Grid
from latewood.sql import sql_asset
regions = Static(["eu", "us"])
@asset
def raw() -> pa.Table: ...
"""


def loaded(tmp_path, source):
    (tmp_path / "defs.py").write_text(HEAD + source)
    found = load_file(tmp_path / "defs.py", root=tmp_path)
    return {made.key: made for made in found.assets}


def test_a_query_of_a_warehouse_is_a_job_whose_version_is_what_it_says(tmp_path):
    source = 'x = sql_asset("x", """SELECT n FROM raw{}""", dialect="bigquery", connector="eu"{})'
    first = loaded(tmp_path, source.format("", ""))["x"].task
    spaced = loaded(tmp_path, source.format("  -- of all", ', settings={"priority": "batch"}'))["x"].task
    other = loaded(tmp_path, source.format(" LIMIT 1", ""))["x"].task
    assert (first.runs_on.connector, [i.asset for i in first.inputs]) == ("eu", ["raw"])
    assert first.code.version == spaced.code.version != other.code.version
    assert first.reuse.is_off is False


def test_what_reads_tables_of_the_warehouse_itself_is_not_reused_unless_that_is_said(tmp_path):
    source = 'x = sql_asset("x", "SELECT n FROM p.open.flights", dialect="bigquery"{})'
    assert loaded(tmp_path, source.format(""))["x"].task.reuse.is_off
    assert not loaded(tmp_path, source.format(", reuse=timedelta(days=1)"))["x"].task.reuse.is_off


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('sql_asset("x", "SELECT 1", settings={"priority": "batch"})', "connector and settings are for jobs"),
        (
            'sql_asset("x", "SELECT :a", dialect="bigquery", parameters={"a": {"b": 1}})',
            "parameters: bigquery is given no a of that type",
        ),
        (
            'sql_asset("x", "SELECT :partition_a", dialect="bigquery", partitions=Grid(a=regions, c=regions))',
            "a job is told its :partition_start",
        ),
        ('sql_asset("x", "SELECT n FROM rwa", dialect="bigquery")', "no asset of that name; near: raw"),
        (
            'sql_asset("x", "SELECT n, a.raw.n FROM a.raw", dialect="bigquery", inputs={"a.raw": "raw"})',
            r'a\.raw\.n \(line 10, column 31\): as a job.s table it has another name than "a\.raw"; say raw\.n, or',
        ),
    ],
)
def test_what_is_wrong_is_said_when_definitions_load(tmp_path, source, said):
    with pytest.raises(DefinitionsInvalid, match=said):
        loaded(tmp_path, f"x = {source}")


def test_it_is_not_answered_here():
    with pytest.raises(QueryFailed, match="is a job there"):
        late(raw=pa.table({"n": [1]}), days=["1"])
