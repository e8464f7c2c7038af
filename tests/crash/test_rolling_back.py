"""What is gone back to is what counts as head then."""

from itertools import count

import pytest

from crash.engines import ended
from latewood.commands.heads import rollback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.commands.retracting import retract
from latewood.errors import UsageError

_SERIAL = count()


@pytest.fixture
def made_anew(workspace, load):
    """Two versions of one computation that came out otherwise each time, the later one retracted."""
    loaded = load(f"""
        import itertools
        numbers = itertools.count({next(_SERIAL)})
        @asset
        def drawn() -> int:
            return next(numbers)
    """)
    asked = Asked(selection="*", force=True)
    return [f"{materialize(workspace, prepare(workspace, loaded, asked)).run}.0" for _ in range(2)]


def test_what_a_retracted_computation_made_before_is_nothing_to_go_back_to(workspace, made_anew):
    retract(workspace, made_anew[1], reason="wrong")
    with pytest.raises(UsageError, match="was retracted at position"):
        rollback(workspace, "drawn", version=made_anew[0])


def test_it_is_where_the_computation_may_be_done_again(workspace, made_anew):
    retract(workspace, made_anew[1], reason="wrong", rerun=True)
    rollback(workspace, "drawn", version=made_anew[0])
    assert read(workspace).assessed["drawn"].status == "fresh"


def test_an_engine_says_which_run_replaces_what_was_gone_back_to(workspace, within, load, asked_for, caplog):
    source = "@asset\ndef one() -> int:\n    return {}\n"
    first = materialize(workspace, prepare(workspace, load(source.format(1)), Asked(selection="*"))).run
    materialize(workspace, prepare(workspace, load(source.format(2)), Asked(selection="*")))
    rollback(workspace, "one", version=f"{first}.0")
    position = workspace.log.position()
    caplog.set_level("WARNING", "latewood.engine")
    asked = asked_for(source.format(3))
    with within():
        ended(workspace, asked)
    assert caplog.messages == [
        f"run {asked.run} replaces the head of one that was set by a rollback by test, event {position}"
    ]
