"""`latewood dev` deploys what changes, leaves what somebody went back to, and outlives a database that is away."""

import os

import pytest
from forked_workers import ForkedCommands
from forks import forks

from latewood.cli import exits
from latewood.commands.deployments import listed, roll_back
from latewood.projections.catalog import deployed
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.serving import watching
from latewood.serving.watching import watch

SOURCE = "from latewood import asset\n\n@asset\ndef one() -> int:\n    return {n}\n"


class Looks:
    """What a watcher waits by: before each look something happens; after the last of these it ends."""

    def __init__(self, *happenings):
        self._happenings = list(happenings)

    def wait(self, _seconds):
        if not self._happenings:
            return True
        self._happenings.pop(0)()
        return False


def nothing():
    pass


@pytest.fixture
def watched(workspace, environ, tmp_path, monkeypatch):
    """Watches a file of one asset while these things happen; the deployments there were after each look."""
    file = tmp_path / "project" / "one.py"
    file.parent.mkdir()
    (file.parent / "pyproject.toml").touch()
    monkeypatch.chdir(file.parent)
    monkeypatch.setattr(watching, "subprocess", ForkedCommands(lambda *asked: forks().fork(*asked)))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def here():
        with snapshot(workspace.log) as connection:
            return deployed(connection, "default", "prod", NOW).get("one.py")

    def write(n):
        file.write_text(SOURCE.format(n=n))
        os.utime(file, (n, n))  # whatever the clock's resolution is

    def watch_while(*happenings, arguments=("-f", str(file))):
        seen, warmed = [], []

        def then(happening):
            def happen():
                seen.append(here())
                happening()

            return happen

        write(1)
        looks = Looks(*map(then, (*happenings, nothing)))
        root = str(file.parent)
        watch(root, arguments, lambda: warmed.append(here()), looks, unreachable=exits.DATABASE_UNREACHABLE)
        return seen, warmed

    return watch_while, write


def test_what_somebody_went_back_to_stays_until_a_file_changes(workspace, watched):
    watch_while, write = watched

    def go_back():
        oldest = listed(workspace, limit=10)[-1].deployment.deployment
        roll_back(workspace, "one.py", oldest)

    seen, warmed = watch_while(lambda: write(2), go_back, nothing, nothing, lambda: write(3), nothing)
    first, second, *after = seen
    assert len({first, second}) == 2
    assert after[:3] == [first, first, first], "the working tree has another one"
    assert after[3] not in (first, second)
    assert len(warmed) == 3


def test_a_file_that_does_not_load_leaves_what_is_deployed(workspace, watched, tmp_path):
    watch_while, write = watched
    file = tmp_path / "project" / "one.py"
    seen, warmed = watch_while(lambda: file.write_text("import nowhere\n"), nothing, lambda: write(2), nothing)
    first, broken, still, second = seen[:4]
    assert (first, broken) == (still, still)
    assert (second != first, len(warmed)) == (True, 2)


def test_what_could_not_be_deployed_for_want_of_a_database_is_when_it_is_back(watched, monkeypatch):
    watch_while, _ = watched
    url = os.environ["LATEWOOD_DATABASE_URL"]
    monkeypatch.setenv("LATEWOOD_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    seen, warmed = watch_while(nothing, lambda: monkeypatch.setenv("LATEWOOD_DATABASE_URL", url), nothing)
    assert (seen[:2], len(warmed)) == ([None, None], 1)
    assert seen[2] is not None


def test_one_that_does_not_load_is_told_once_and_keeps_no_other_from_being_deployed(
    workspace, watched, tmp_path, caplog
):
    watch_while, write = watched
    other = tmp_path / "project" / "other.py"
    (tmp_path / "project" / "latewood.toml").write_text('[locations."one.py"]\n[locations.two]\nfile = "other.py"\n')
    other.write_text(SOURCE.format(n=1).replace("one", "two"))

    def broken():
        other.write_text("import nowhere\n")

    caplog.set_level("INFO", "latewood.engine")

    def mended():
        other.write_text(SOURCE.format(n=1).replace("one", "two"))

    seen, warmed = watch_while(broken, lambda: write(2), mended, nothing, arguments=())
    first, still, second, *_ = seen
    assert (first == still, second not in (None, still)) == (True, True), "it goes on with the other one"
    assert [text for text in caplog.messages if "is deployed to" in text] == [
        "one.py is deployed to prod: 1 asset",
        "two is deployed to prod: 1 asset",
        "one.py is deployed to prod: 1 asset",
    ]
    told = [text for text in caplog.messages if "nowhere" in text]
    assert len(told) == 1
    assert "two is left as it is deployed:\n  other.py:1: cannot be imported: ModuleNotFoundError" in told[0]
    assert caplog.messages[-1] == "all of it is deployed as it stands again"
    assert len(warmed) == 4
    with snapshot(workspace.log) as connection:
        assert "two" in deployed(connection, "default", "prod", NOW), "what was deployed serves on"
