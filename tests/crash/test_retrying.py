"""Retrying a run: what it has left is run by the code it had, and nothing that it has finished is run again."""

from collections import Counter

import pytest

from crash.conftest import lose_code
from crash.engines import ended, of_type, until
from latewood.commands.deploying import deploy_loaded
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.runs import request_of, run_named
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import Conflict, UsageError
from latewood.events import RunRequested, RunStatus, StepReused, StepSucceeded
from latewood.serving.requesting import cancel
from latewood.serving.retrying import retry

MAIL = """
HERE = Path({root!r})

@asset(partitions=Static(["a", "b", "c"]), reuse=False)
def sent(key: PartitionKey) -> str:
    with (HERE / "mails").open("a") as mails:
        mails.write(f"{code} {{key}}\\n")
    if (HERE / f"broken-{{key}}").exists():
        raise ValueError(f"{{key}} is broken")
    return key

@asset
def report(sent: Partitioned[str]) -> int:
    return len(list(sent))
"""


@pytest.fixture
def mail(tmp_path):
    return lambda code: MAIL.format(root=str(tmp_path), code=code)


def mails(tmp_path):
    return Counter((tmp_path / "mails").read_text().splitlines())


def test_what_failed_is_run_again_by_the_code_of_then_and_what_was_finished_is_not(
    workspace, asked_for, within, mail, load, tmp_path
):
    (tmp_path / "broken-b").touch()
    with within():
        asked = asked_for(mail("old"))
        assert ended(workspace, asked).status is RunStatus.FAILED
        (tmp_path / "broken-b").unlink()
        prepare(workspace, load(mail("new")), Asked(selection="*"))  # another deployment
        again = retry(workspace, run_named(workspace, asked.run))
        assert again.steps == 2, "b, and what was skipped for it"
        assert ended(workspace, again).status is RunStatus.SUCCEEDED
    assert mails(tmp_path) == {"old a": 1, "old b": 2, "old c": 1}
    first, second = (request_of(workspace, run_named(workspace, run)) for run in (asked.run, again.run))
    assert (second.rerun_of, second.only, second.deployments) == (asked.run, "unfinished", first.deployments)


def test_what_a_run_was_cancelled_before_is_run(workspace, asked_for, within, mail, tmp_path):
    asked = asked_for(mail("old"))
    cancel(workspace, run_named(workspace, asked.run))
    with within():
        assert ended(workspace, asked).status is RunStatus.CANCELLED
        again = retry(workspace, run_named(workspace, asked.run))
        assert (again.steps, ended(workspace, again).status) == (4, RunStatus.SUCCEEDED)
    assert mails(tmp_path) == {"old a": 1, "old b": 1, "old c": 1}


def test_a_run_of_the_process_that_asked_for_it_is_retried_by_engines(workspace, within, mail, load, tmp_path):
    (tmp_path / "broken-c").touch()
    result = materialize(workspace, prepare(workspace, load(mail("here")), Asked(selection="*")))
    (tmp_path / "broken-c").unlink()
    with within():
        again = retry(workspace, run_named(workspace, result.run))
        assert ended(workspace, again).status is RunStatus.SUCCEEDED
    assert mails(tmp_path) == {"here a": 1, "here b": 1, "here c": 2}


def test_the_parameters_of_then_are_given_again_and_a_retry_can_be_retried(workspace, asked_for, within, tmp_path):
    source = f"""
    @asset
    def scaled(*, by: int = 1) -> int:
        if not Path({str(tmp_path)!r}, "well").exists():
            raise ValueError("not yet")
        return by
    """
    asked = asked_for(source, parameters=("scaled.by=7",), priority=3)
    with within():
        ended(workspace, asked)
        failed_again = retry(workspace, run_named(workspace, asked.run))
        assert ended(workspace, failed_again).status is RunStatus.FAILED
        (tmp_path / "well").touch()
        again = retry(workspace, run_named(workspace, failed_again.run))
        assert ended(workspace, again).status is RunStatus.SUCCEEDED
    requests = of_type(workspace, RunRequested)
    assert [fact.parameters for fact in requests] == [{"scaled": {"by": 7}}] * 3
    assert [fact.priority for fact in requests] == [3] * 3
    assert [fact.rerun_of for fact in requests] == ["", asked.run, failed_again.run]


def test_what_was_made_by_others_since_is_not_made_again(workspace, asked_for, within, load, tmp_path):
    source = f"""
    @asset
    def one() -> int:
        if not Path({str(tmp_path)!r}, "well").exists():
            raise ValueError("not yet")
        return 1
    """
    asked = asked_for(source)
    with within():
        ended(workspace, asked)
    (tmp_path / "well").touch()
    materialize(workspace, prepare(workspace, load(source), Asked(selection="*")))
    assert retry(workspace, run_named(workspace, asked.run)).steps == 0
    assert len(of_type(workspace, StepSucceeded, StepReused)) == 1


def test_what_goes_on_and_what_is_finished_is_refused_with_the_way_out(workspace, asked_for, within):
    asked = asked_for("@asset\ndef one() -> int:\n    return 1\n")
    with pytest.raises(UsageError, match=f"is queued; `latewood run cancel {asked.run}` ends it"):
        retry(workspace, run_named(workspace, asked.run))
    with within():
        until(lambda: ended(workspace, asked))
    with pytest.raises(UsageError, match=f"has finished all .*; `latewood rerun {asked.run}` asks for it again"):
        retry(workspace, run_named(workspace, asked.run))
    assert len(of_type(workspace, RunRequested)) == 1


def test_a_retry_whose_code_is_gone_is_refused_with_the_way_out(workspace, mail, load, tmp_path):
    (tmp_path / "broken-b").touch()
    run = materialize(workspace, prepare(workspace, load(mail("old")), Asked(selection="*"))).run
    lose_code(workspace)
    deploy_loaded(workspace, load(mail("new")))
    before = workspace.log.position()
    with pytest.raises(Conflict, match=rf"the source of assets.py as .*; `latewood rerun {run}` asks for it by"):
        retry(workspace, run_named(workspace, run))
    assert workspace.log.position() == before


def test_a_variant_that_is_retried_is_made_from_the_variants_of_then(workspace, asked_for, within, tmp_path):
    asked = asked_for(
        f"""
        @asset
        def base(*, by: int = 1) -> int:
            return by

        @asset
        def tenfold(base: int) -> int:
            if not Path({str(tmp_path)!r}, "well").exists():
                raise ValueError("not yet")
            return base * 10
        """,
        parameters=("base.by=7,8",),
    )
    with within():
        assert ended(workspace, asked).status is RunStatus.FAILED
        (tmp_path / "well").touch()
        again = retry(workspace, run_named(workspace, asked.run))
        assert ended(workspace, again).status is RunStatus.SUCCEEDED
    made = [fact for fact in of_type(workspace, StepSucceeded) if fact.run == again.run]
    values = sorted(workspace.store.read(ArtifactAddress(fact.outputs[0].artifact)).decode() for fact in made)
    assert values == ["70", "80"]


def test_of_a_list_the_elements_that_failed_are_made_and_the_others_taken(workspace, asked_for, within, tmp_path):
    asked = asked_for(
        f"""
        from latewood.mapping import each

        @task
        def regions() -> list[str]:
            return ["east", "atlantis", "north"]

        @task
        def forecast(region: str) -> int:
            with Path({str(tmp_path)!r}, "asked").open("a") as asked:
                asked.write(region + "\\n")
            if region == "atlantis" and not Path({str(tmp_path)!r}, "well").exists():
                raise LookupError("no " + region)
            return len(region)

        @workflow
        def forecasting() -> list[int]:
            return forecast.map(each(regions()))
        """,
        "forecasting/*",
    )
    with within():
        assert ended(workspace, asked).status is RunStatus.FAILED
        (tmp_path / "well").touch()
        again = retry(workspace, run_named(workspace, asked.run))
        assert (again.steps, ended(workspace, again).status) == (1, RunStatus.SUCCEEDED)
    assert Counter((tmp_path / "asked").read_text().split()) == {"east": 1, "atlantis": 2, "north": 1}
