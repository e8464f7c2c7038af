"""BigQuery's connector against an emulator of the service, whose own list of jobs says what ran.

It answers a query before it says that it has taken it, and knows no partitions and no jobs that go on: those stories
are in tests/plugins/test_bigquery.py.
"""

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from connectors.conftest import _free_ports, _until_answers
from crash.conftest import let_leases_end
from crash.engines import engine, of_type, until
from latewood.events import JobSubmitted, RunEnded, RunStatus, StepFailed, StepSucceeded
from latewood.testing.connector import Samples, _Contract
from latewood_bigquery import connect

FLIGHTS = '''
import pyarrow as pa
from latewood.sql import sql_asset

flights = sql_asset(
    "raw/flights",
    """
    SELECT 'UA' AS carrier, 1.5 AS delay, DATE '2013-01-01' AS day
    UNION ALL SELECT 'AA', 20.0, DATE '2013-01-02' UNION ALL SELECT 'UA', 30.0, DATE '2013-01-02'
    """,
    dialect="bigquery",
)
late = sql_asset(
    "reports/late",
    "SELECT carrier, COUNT(*) AS n, MIN(flights.day) AS day FROM raw.flights WHERE delay >= :over GROUP BY carrier",
    dialect="bigquery",
    parameters={"over": 10},
)
@asset
def total(late: pa.Table) -> int:
    return sum(late["n"].to_pylist())
'''

EXTENSION = """
import duckdb, duckdb_extension_spatial as found, pathlib
(file,) = pathlib.Path(found.__file__).parent.rglob("spatial.duckdb_extension")
print(file)
print(f"extensions/v{duckdb.__version__}/{duckdb.sql('PRAGMA platform').fetchone()[0]}")
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Of an emulator with a dataset; it would download an extension of its database, which it is given here."""
    python, folder = Path(os.environ["LATEWOOD_BIGQUERY_PYTHON"]), tmp_path_factory.mktemp("bigquery")
    told = subprocess.run([python, "-c", EXTENSION], capture_output=True, text=True, check=True).stdout.splitlines()
    extensions = folder / ".duckdb" / told[1]
    extensions.mkdir(parents=True)
    shutil.copy(told[0], extensions)
    rest, grpc = _free_ports(2)
    address, program = f"http://127.0.0.1:{rest}", python.with_name("bqemulator")
    command = [program, "start", "--rest-port", str(rest), "--grpc-port", str(grpc), "--project", "p"]
    log = folder / "log"
    with (
        log.open("wb") as said,
        subprocess.Popen(command, env={**os.environ, "HOME": str(folder)}, stdout=said, stderr=said) as process,
    ):
        try:
            _until_answers(f"{address}/healthz")
            options = {"api_endpoint": address}
            found = bigquery.Client(project="p", credentials=AnonymousCredentials(), client_options=options)
            found.create_dataset("d")
            yield found, address, log
        finally:
            process.kill()  # it keeps nothing
            process.wait()


def listed(client):
    return Counter(job.job_id for job in client[0].list_jobs())


def inserts(client):
    """How often it was asked to run a job, by its own log."""
    asked = [json.loads(line) for line in client[2].read_text().splitlines() if '"http.request"' in line]
    return sum((each["method"], each["path"]) == ("POST", "/bigquery/v2/projects/p/jobs") for each in asked)


@pytest.fixture
def configured(client, tmp_path, monkeypatch):
    """A project that has the emulator for a warehouse."""
    lines = ["[connectors.bigquery]", 'project = "p"', 'dataset = "d"', f'endpoint = "{client[1]}"']
    (tmp_path / "latewood.toml").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)


def test_it_keeps_what_connectors_keep_but_for_what_an_emulator_has_not(client, tmp_path):
    def options(text):
        return {"query": [text], "parameters": {}, "partition": []}

    every_type = (
        "SELECT 1 AS n, 'a' AS word, 1.5 AS share, TRUE AS yes, b'x' AS raw, DATE '2020-01-01' AS day, TIME '10:00:00' "
        "AS hour, DATETIME '2020-01-01 00:00:00' AS there, TIMESTAMP '2020-01-01 00:00:00' AS at, NUMERIC '1.5' AS "
        "price, [1, 2] AS list, STRUCT(1 AS a, 'b' AS b) AS pair, CAST(NULL AS STRING) AS nothing"
    )
    samples = Samples(
        quick=options("SELECT 1 AS n"),
        failing=options("SELECT * FROM d.no_such"),
        long={},
        table=options(every_type),
        counted=True,
        outputs={"result": "Table"},
        patience=timedelta(minutes=1),
    )
    contract = _Contract(lambda: connect(project="p", dataset="d", endpoint=client[1]), samples, tmp_path)
    kept = [promise for promise, keeps in contract.promises() if "what is cancelled" not in promise and not keeps()]
    assert len(kept) == 12


def test_an_engine_that_is_killed_meanwhile_leaves_one_job_for_each_step(
    client, configured, workspace, asked_for, environ
):
    asked, before = asked_for(FLIGHTS), inserts(client)
    with engine(environ) as first:
        until(lambda: of_type(workspace, JobSubmitted))
        os.killpg(first.pid, signal.SIGKILL)
    let_leases_end(workspace)
    with engine(environ):
        (over,) = until(lambda: [fact for fact in of_type(workspace, RunEnded) if fact.run == asked.run], 300)
    assert over.status is RunStatus.SUCCEEDED, [fact.failure.message for fact in of_type(workspace, StepFailed)]
    assert sorted(times for id_, times in listed(client).items() if asked.run in id_) == [1, 1]
    assert inserts(client) - before == 2
    made = [fact.outputs[0] for fact in of_type(workspace, StepSucceeded)]
    assert [each.artifact.partition("#")[0] for each in made if "@bigquery" in each.artifact] == [
        "io:@bigquery:p.d.raw__flights",
        "io:@bigquery:p.d.reports__late",
    ]
    assert b"2" in [workspace.store.read(each.artifact) for each in made if each.artifact.endswith(".json")]


def test_a_query_that_fails_says_why_and_is_a_job_that_is_told_of(client, configured, workspace, asked_for, environ):
    asked = asked_for(
        "from latewood.sql import sql_asset\n"
        'x = sql_asset("x", "SELECT nothing FROM `p.d.no_such`", dialect="bigquery")\n'
    )
    with engine(environ):
        until(lambda: of_type(workspace, RunEnded), 300)
    (failed,) = [fact.failure.message for fact in of_type(workspace, StepFailed)]
    assert "Not found: Table" in failed
    assert "console.cloud.google.com" in failed
    assert [times for id_, times in listed(client).items() if asked.run in id_] == [1]
