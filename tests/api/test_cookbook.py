"""Every query of the cookbook is answered, on the example that it is written for."""

import json
import re
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from starlette.testclient import TestClient

from api.conftest import Api, open_app
from crash.conftest import workspace_on
from databases import copied
from latewood.commands.deploying import deploy_loaded
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.engine.loading.loader import load_file
from latewood.engine.storage.store import ArtifactStore
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog
from latewood_graphql.calls import Service

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "graphql/COOKBOOK.md").read_text()
RECIPES = dict(re.findall(r"^### (.+?)$.*?^```graphql\n(.+?)^```", TEXT, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def flights(server, platform_template, tmp_path_factory):
    """A month of flights, and a run that is asked for and nobody drives."""
    folder = tmp_path_factory.mktemp("cookbook")
    project = folder / "flights"
    copytree(ROOT / "examples/flights", project, ignore=ignore_patterns("__pycache__"))
    (project / "latewood.toml").touch()
    with copied(server, platform_template) as url, chdir(project):
        log = EventLog(connect(url, role="engine"), PROJECTIONS, UPCASTERS)
        reader = EventLog(connect(url, role="reader"), PROJECTIONS, UPCASTERS)
        workspace = replace(workspace_on(log, ArtifactStore(folder / "store", "default")), url=url)
        loaded = load_file(project / "assets.py", root=project)
        before = deploy_loaded(workspace, replace(loaded, assets=loaded.assets[:-1])).deployment
        asked = Asked(selection="flights/daily", partition="2013-03-01..2013-03-03")
        run = materialize(workspace, prepare(workspace, loaded, replace(asked, selection="+flights/daily"))).run
        then = log.position()
        again = materialize(workspace, prepare(workspace, loaded, replace(asked, force=True))).run
        after = deploy_loaded(workspace, loaded).deployment
        api = Api(TestClient(open_app(Service(workspace=workspace, reader=reader))), workspace, None)
        daily = 'asset(key: "flights/daily") { versions(partition: "2013-03-01") { nodes { id } } }'
        later, earlier = (node["id"] for node in api.environment(daily)["asset"]["versions"]["nodes"])
        yield (
            api,
            {
                "text": "carrier",
                "asset": "flights/daily",
                "partition": "2013-03-01",
                "selection": "flights/daily",
                "run": run,
                "step": 0,
                "version": f"{again}.0",
                "earlier": earlier,
                "later": later,
                "since": 0,
                "begin": "2020-01-01T00:00:00Z",
                "then": then,
                "location": "assets.py",
                "before": before,
                "after": after,
            },
        )
        log.engine.dispose()
        reader.engine.dispose()


def test_there_are_many_and_each_is_run():
    assert len(RECIPES) >= 18
    assert len(RECIPES) == TEXT.count("```graphql")


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_is_answered(flights, title):
    api, known = flights
    query = RECIPES[title]
    variables = dict(known)
    if "$hash" in query:
        preview = api(RECIPES["What would a run do?"], **of(RECIPES["What would a run do?"], known))
        variables["hash"] = preview["project"]["environment"]["planPreview"]["hash"]
    found = api(query, **of(query, variables))
    assert "InvalidInput" not in json.dumps(found)
    assert every_leaf_is_said(found), found


def of(query, variables):
    return {name: variables[name] for name in re.findall(r"\$(\w+):", query)}


def every_leaf_is_said(found):
    return all(value is not None for value in found.values())
