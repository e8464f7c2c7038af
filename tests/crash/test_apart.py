"""A run that a command has driven by an engine of its own ends with that engine, and says why."""

import pytest

from crash.engines import of_type
from latewood.cli.apart import materialize_apart
from latewood.commands.materializing import prepare
from latewood.commands.planning import Asked
from latewood.errors import StoreError
from latewood.events import RunEnded, RunStatus
from latewood.serving import openings
from latewood.serving.engine import Engine

ONE = "@asset\ndef one() -> int:\n    return 1\n"


@pytest.fixture
def materialized(workspace, load, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)

    def materialize(source):
        prepared = prepare(workspace, load(source), Asked(selection="*"))
        return materialize_apart(workspace, prepared, report=lambda _: None, notice=lambda _: None)

    return materialize


def test_it_is_driven_to_its_end(materialized):
    assert materialized(ONE).status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("dies", [True, False])
def test_nobody_waits_for_a_run_that_cannot_be_opened_or_whose_engine_has_died(
    workspace, materialized, monkeypatch, dies
):
    def fails(*_given):
        raise StoreError("read", "a file", "it is gone", "Restore it.")

    monkeypatch.setattr(*((Engine, "_dispatch") if dies else (openings, "opened")), fails)
    with pytest.raises(StoreError, match="cannot read a file: it is gone"):
        materialized(ONE)
    assert of_type(workspace, RunEnded) == [], "another engine may go on with it"
