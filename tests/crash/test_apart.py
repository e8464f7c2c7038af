"""A run that a command has driven by an engine of its own ends with that engine, and says why."""

import pytest

from crash.conftest import workspace_on
from crash.engines import of_type
from latewood.cli.apart import materialize_apart
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.retelling import Retelling
from latewood.errors import StoreError
from latewood.events import RunEnded, RunStatus
from latewood.serving import openings
from latewood.serving.engine import Engine
from latewood_eventlog.log import EventLog

ONE = "@asset\ndef one() -> int:\n    return 1\n"


@pytest.fixture
def materialized(workspace, load, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)

    def made(source):
        prepared = prepare(workspace, load(source), Asked(selection="*"))
        return materialize_apart(workspace, prepared, report=lambda _: None, notice=lambda _: None)

    return made


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


class _Growing(EventLog):
    """A log of which no more than the first events of a stream are seen yet."""

    seen = 0

    def read(self, project, stream, **how):
        return [event for event in super().read(project, stream, **how) if event.version <= self.seen]


def test_a_step_that_two_checks_refuse_is_told_of_once_however_often_it_is_looked(workspace, load):
    source = (
        ONE
        + """

@check(one, blocking=True)
def is_two(one: int) -> bool:
    return one == 2

@check(one, blocking=True)
def is_zero(one: int) -> bool:
    return one == 0
"""
    )
    prepared = prepare(workspace, load(source), Asked(selection="*"))
    run = materialize(workspace, prepared).run
    log = _Growing(workspace.log.engine, workspace.log.projections, workspace.log.upcasters)
    retelling, told = Retelling(workspace_on(log, workspace.store), prepared, run), []
    while not retelling.has_ended:
        log.seen += 1
        told += retelling.look()
    assert [report.status for report in told] == ["succeeded", "refused"]
    (failed,) = retelling.result().failures
    assert failed.failure.message == "one: blocking check is_two failed; blocking check is_zero failed"
