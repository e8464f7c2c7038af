"""What lies in files is looked at without a transaction, and the answer is of one position all the same."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import NullPool, create_engine, text
from starlette.testclient import TestClient

from api.conftest import SHOP, Api, open_app
from latewood.engine.running.recorder import new_event
from latewood.engine.storage.file_hash import content_of
from latewood.engine.storage.store import ArtifactStore
from latewood.events import PoolSet
from latewood_eventlog.records import Batch, StreamAppend
from latewood_graphql.calls import Service

READS = """
    @asset
    def rows(*, file: Path = Path("data.csv")) -> str:
        return file.read_text()
"""
IN_TRANSACTION = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
ASK = """{
  before: server { position }
  project { environment {
    planPreview { hash position counts { run fresh } replaces { asset } }
    again: planPreview { hash }
  } }
  after: server { position }
}"""


@pytest.fixture
def looked(api, made, reader, superuser_url, tmp_path, monkeypatch):
    """An API beside the project's files, which have changed; what `meanwhile` does whenever one is looked at."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "data.csv").write_text("1")
    monkeypatch.chdir(tmp_path)
    made(READS)
    (tmp_path / "data.csv").write_text("2")
    superuser = create_engine(superuser_url.url, poolclass=NullPool)
    found = []

    def watched(meanwhile=lambda: None):
        def looking(named, root):
            with superuser.connect() as connection:
                found.append(connection.execute(IN_TRANSACTION).scalar_one())
            meanwhile()
            return content_of(named, root)

        service = Service(workspace=replace(api.workspace, content_of=looking), reader=reader)
        return Api(TestClient(open_app(service)), service.workspace, service)

    watched.found = found
    return watched


def test_no_transaction_is_open_while_a_preview_looks_at_files(looked):
    found = looked().environment("planPreview { counts { run } position }")["planPreview"]
    assert found["counts"]["run"] == 1, "it has seen what is in the file now"
    assert set(looked.found) == {0}


def test_an_answer_is_of_one_position_though_something_happens_while_files_are_looked_at(looked):
    happened = []

    def happens():
        fact = PoolSet(name=f"p{len(happened)}", limit=1)
        event = new_event(
            fact, project="default", stream="pools", name=(len(happened),), at=datetime.now(UTC), actor="test"
        )
        append = StreamAppend(project="default", stream="pools", events=(event,))
        happened.append(api.workspace.log.append(Batch(appends=(append,))).last)

    api = looked(happens)
    answer = api.post(ASK).json()
    before, after = answer["data"]["before"]["position"], answer["data"]["after"]["position"]
    assert before == after == answer["extensions"]["position"] == happened[-1]
    found = answer["data"]["project"]["environment"]
    assert found["planPreview"]["hash"] == found["again"]["hash"]
    assert found["planPreview"]["position"] < happened[-1]
    assert len(happened) == 2, "each preview is made once"


def test_no_transaction_is_open_while_archives_of_deployments_are_read(api, made, superuser_url, monkeypatch):
    first = made().run
    second = made(SHOP.replace("* 10", "* 20")).run
    superuser, found, read = create_engine(superuser_url.url, poolclass=NullPool), [], ArtifactStore.read

    def counting(store, address):
        with superuser.connect() as connection:
            found.append(connection.execute(IN_TRANSACTION).scalar_one())
        return read(store, address)

    monkeypatch.setattr(ArtifactStore, "read", counting)
    answer = api.environment(f"""
        asset(key: "revenue") {{ source {{ text }} }} again: asset(key: "total") {{ source {{ text }} }}
        versions: asset(key: "revenue") {{ versions {{ nodes {{ id source {{ text }} }} }} }}
        versionDifference(asset: "revenue", before: "{first}.4", after: "{second}.0") {{ texts {{ diff }} }}
    """)
    assert "* 20" in answer["asset"]["source"]["text"]
    assert "-    return orders * 10" in answer["versionDifference"]["texts"][0]["diff"]
    texts = {node["id"]: node["source"]["text"] for node in answer["versions"]["versions"]["nodes"]}
    assert ("* 10" in texts[f"{first}.4"], "* 20" in texts[f"{second}.0"]) == (True, True), "as it was deployed then"
    assert found == [0] * 4, "of each deployment once, and of the two that are compared"
