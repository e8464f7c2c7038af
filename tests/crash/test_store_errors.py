"""A store that cannot write fails the attempt or the run with its cause; nothing recorded lacks its artifact."""

import resource
import subprocess
import sys

import pytest

from crash.conftest import facts_of, head_keys
from crash.engines import ended, engine, of_type
from crash.invariants import require_whole_artifacts
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.errors import StoreError
from latewood.events import FailureKind, RunEnded, RunStatus, StepFailed, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify

_EVERYTHING = Asked(selection="*")
_TALKATIVE = """
@asset
def numbers() -> list[int]:
    print("counting")
    return [1, 2, 3]

@asset
def total(numbers: list[int]) -> int:
    return sum(numbers)
"""


def _failures(workspace):
    return [fact.failure for fact in facts_of(workspace.log) if isinstance(fact, StepFailed)]


def test_what_cannot_be_staged_is_a_failed_attempt_that_names_the_path(workspace, load):
    prepared = prepare(workspace, load(_TALKATIVE), _EVERYTHING)
    staging = workspace.store.directory / "staged"
    staging.rmdir()
    staging.write_text("in the way")
    result = materialize(workspace, prepared)
    assert (result.status, result.tally.failed, result.tally.skipped) == (RunStatus.FAILED, 1, 1)
    (failure,) = _failures(workspace)
    assert (failure.kind, failure.error) == (FailureKind.STORE, "StoreError")
    assert str(staging) in failure.message
    assert head_keys(workspace) == {}

    staging.unlink()
    staging.mkdir()
    assert materialize(workspace, prepare(workspace, load(_TALKATIVE), _EVERYTHING)).status is RunStatus.SUCCEEDED


def test_what_cannot_be_made_durable_ends_the_run_and_is_not_recorded(workspace, load):
    prepared = prepare(workspace, load(_TALKATIVE), _EVERYTHING)
    folders = [workspace.store.directory / f"{number:x}" for number in range(16)]
    in_the_way = [folder for folder in folders if not folder.exists()]
    for folder in in_the_way:
        folder.write_text("in the way")
    with pytest.raises(StoreError, match=str(workspace.store.directory)):
        materialize(workspace, prepared)
    facts = facts_of(workspace.log)
    assert [fact for fact in facts if isinstance(fact, StepSucceeded)] == []
    assert facts[-1] == RunEnded(run=facts[-1].run, status=RunStatus.INTERRUPTED)

    for folder in in_the_way:
        folder.unlink()
    again = materialize(workspace, prepare(workspace, load(_TALKATIVE), _EVERYTHING))
    assert (again.status, again.tally.ran) == (RunStatus.SUCCEEDED, 2)
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_file_that_grows_too_large_leaves_no_half_artifact(workspace, environ, tmp_path):
    (tmp_path / "assets.py").write_text(
        "from latewood import asset\n@asset\ndef large() -> str:\n    return 'x' * 300_000\n"
    )
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY)); "
        "from latewood.cli.entry import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", limited, "materialize", "large", "-f", "assets.py"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (failure,) = _failures(workspace)
    assert failure.kind is FailureKind.STORE
    assert "File too large" in failure.message
    assert list((tmp_path / "store" / "default" / "staged").iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000


def test_a_worker_that_cannot_write_its_result_is_a_failed_attempt_and_leaves_nothing(workspace, environ, asked_for):
    asked = asked_for("""
        import resource

        @asset(retries=1)
        def large(context: Context) -> str:
            limit = 100_000 if context.attempt == 1 else resource.RLIM_INFINITY
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            return "x" * 300_000

        @asset
        def below(large: str) -> int:
            return len(large)
    """)
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    (failed,) = of_type(workspace, StepFailed)
    assert (failed.failure.kind, failed.attempt) == (FailureKind.STORE, 1)
    assert "File too large" in failed.failure.message
    assert list((workspace.store.directory / "staged").iterdir()) == []
    require_whole_artifacts(workspace.log.engine, workspace.store.directory.parent)
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)
