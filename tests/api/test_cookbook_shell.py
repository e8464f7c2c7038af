"""The cookbook's story from the shell is what happens: real `curl`, against `latewood dev` as it is started."""

import json
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from api.test_serving import ask, until

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "graphql/COOKBOOK.md").read_text()
STORY = re.search(r"^## From the shell$(.+?)^## ", TEXT, re.MULTILINE | re.DOTALL)[1]
SPLIT = "-- next --"
BLOCKS = re.findall(r"^```sh\n(.+?)^```", STORY, re.MULTILINE | re.DOTALL)


@contextmanager
def dev(environ, project):
    """Where `latewood dev` answers, once what it serves is deployed."""
    command = [Path(sys.executable).parent / "latewood", "dev", "-f", "assets.py", "--port", "0", "--workers", "2"]
    log = project.parent / "dev.log"
    with log.open("w") as said:
        process = subprocess.Popen(command, env=environ, cwd=project, stderr=said)
    try:
        address = re.compile(r"the API is at http://(\S+)")
        until(lambda: process.poll() is not None or address.search(log.read_text()))
        found = address.search(log.read_text())
        assert found, log.read_text()
        deployed = "{ project { locations { name } } }"
        until(lambda: json.loads(ask(f"http://{found[1]}", deployed))["data"]["project"]["locations"])
        yield found[1]
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def tools():
    if missing := [name for name in ("bash", "curl", "jq") if shutil.which(name) is None]:
        pytest.skip(f"the story needs {' and '.join(missing)}")


def test_the_story_from_the_shell_is_what_happens(environ, tmp_path, tools):
    project = tmp_path / "flights"
    copytree(ROOT / "examples/flights", project, ignore=ignore_patterns("__pycache__"))
    (project / "latewood.toml").touch()
    with dev(environ, project) as address:
        assert len(BLOCKS) == 6
        script = f"\necho {SPLIT}\n".join(["set -euo pipefail", *BLOCKS]).replace("localhost:4000/graphql", address)
        done = subprocess.run(
            ["bash", "-c", script], env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
    *_, followed, why, graphs = done.stdout.split(SPLIT)
    told = [json.loads(line.removeprefix("data: ")) for line in followed.splitlines() if line.startswith("data: {")]
    progress = [message["data"]["runProgress"] for message in told]
    assert progress[-1] == {"ended": 8, "total": 8, "run": {"status": "SUCCEEDED"}}
    assert followed.rstrip().endswith("event: complete\ndata:")
    pinned, explained = why.strip().split("\n", 1)
    assert json.loads(pinned) == {"pin": {"__typename": "ParametersPinned"}}
    found = json.loads(explained)
    (finding,) = found["findings"]
    assert (found["status"], finding["cause"], finding["asset"]) == ("STALE", "PARAMETERS", "flights/raw")
    assert (finding["subject"], finding["through"]) == ("release", ["flights/daily"])
    now, before = (json.loads(line) for line in graphs.strip().splitlines())
    assert now["keys"] == before["keys"] == ["flights/raw", "flights/daily"]
    assert statuses(before) == ["MISSING", "MISSING"]
    assert statuses(now)[0] == "STALE"


def statuses(graph):
    return [graph["statusNames"][number] for number in graph["statusOf"]]
