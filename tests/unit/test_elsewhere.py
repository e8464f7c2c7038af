"""What lies in another system is brought here once, by whoever reads it first; and asked about before it is taken."""

from datetime import UTC, datetime, timedelta

import pytest

from latewood.decide.jobs import SUBMIT_PATIENCE, UNREACHABLE
from latewood.engine.running.asks import Durable, Remote, Rest, played
from latewood.engine.running.connected import ToFetch, ToSee, Unanswered
from latewood.engine.running.elsewhere import Elsewheres
from latewood.engine.running.storing import unrecorded
from latewood.engine.storage.store import ArtifactStore
from latewood.events import Failure
from latewood.places import Address

TABLE = unrecorded("", "io:@local:db.days#e1")
AWAY = Unanswered(passes=True, error="TransientError", message="no route")
REFUSED = Unanswered(passes=False, error="PermanentError", message="there is nothing there any more")


class Clock:
    def __init__(self):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def elsewheres(tmp_path, clock):
    return Elsewheres("r1", ArtifactStore(tmp_path, "default"), clock)


def answering(clock, *answers):
    """Each question is answered in turn, the last answer for ever; who rests has rested."""
    left = list(answers)

    def answer(ask):
        if isinstance(ask, Durable):
            return None
        if isinstance(ask, Rest):
            clock.now = max(clock.now, ask.until)
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def test_of_two_who_read_it_one_has_it_brought_and_the_other_waits(elsewheres, clock):
    first, second = elsewheres.here(TABLE), elsewheres.here(TABLE)
    assert isinstance(next(first), Durable)
    asked = first.send(None)
    assert isinstance(asked, Remote)
    assert asked.act[:2] == ("db.days", "e1")
    waits = next(second)
    assert isinstance(waits, Rest)
    with pytest.raises(StopIteration) as done:
        first.send("file1:00")
    clock.now = waits.until
    with pytest.raises(StopIteration) as done_too:
        second.send(None)
    assert done.value.value == done_too.value.value
    assert Address.of(done.value.value.artifact) == ("Parquet", asked.act.path, "file1:00")
    assert played(elsewheres.here(TABLE), answering(clock, AWAY)) == done.value.value


def test_where_who_had_it_brought_is_stopped_the_next_one_does(elsewheres):
    first, second = elsewheres.here(TABLE), elsewheres.here(TABLE)
    next(first)
    next(second)
    first.close()
    assert isinstance(second.send(None), Durable)
    assert isinstance(second.send(None).act, ToFetch)


def test_a_system_that_is_away_is_waited_for_and_not_for_ever(elsewheres, clock):
    begun = clock.now
    assert played(elsewheres.here(TABLE), answering(clock, AWAY, AWAY, "file1:00")).artifact.startswith("io:Parquet:")
    assert clock.now - begun < timedelta(seconds=5)
    failed = played(elsewheres.here(unrecorded("", "io:@local:db.other#e1")), answering(clock, AWAY))
    assert isinstance(failed, Failure)
    assert (failed.error, failed.message) == (
        UNREACHABLE,
        "it lies at db.other in local, which was not reached for 300 s: no route",
    )
    assert clock.now - begun > SUBMIT_PATIENCE


def test_what_lies_here_is_left_where_it_is(elsewheres):
    for artifact in ("00.parquet", "io:Warehouse:db.days#e1"):
        here = unrecorded("", artifact)
        assert played(elsewheres.here(here), lambda ask: pytest.fail(f"asks {ask}")) == here


@pytest.mark.parametrize(
    ("answer", "is_there"), [("e1", True), (None, False), ("e2", False), ("", False), (REFUSED, False), (AWAY, None)]
)
def test_it_is_taken_only_if_it_is_known_to_be_there_still(elsewheres, clock, answer, is_there):
    asked = next(elsewheres.is_there(TABLE))
    assert asked == Remote("local", ToSee("db.days"))
    assert played(elsewheres.is_there(TABLE), answering(clock, answer)) is is_there
