"""Which steps go together when a run is taken up again, on scripts that only say what was asked of them."""

from types import MappingProxyType, SimpleNamespace

from builders import World, catalog, changed
from latewood.decide.progress import StepProgress
from latewood.engine.running.asks import UnderWay
from latewood.engine.running.drive import Drive
from latewood.engine.running.ranged import Due


class Scripts:
    """Says which calls were made, and which steps were left as they were recorded."""

    def __init__(self, progress=MappingProxyType({}), elsewhere=()):
        self.progress, self.called, self.gone_on_with = progress, [], []
        self.elsewhere = elsewhere

    def opened(self, step, *, patient=True):
        if step.partition in self.elsewhere:
            if not patient:
                raise UnderWay
            yield "waiting"
        return Due(step, [], "")

    def run(self, due):
        self.called.append([one.step.partition for one in due])
        return
        yield

    def whole(self, step):
        self.gone_on_with.append(step.partition)
        return
        yield


def test_a_call_for_a_range_takes_no_partition_that_ended_before_the_run_was_taken_up():
    defined = changed(catalog("day[few]"), "day", partition_column="day", partitions_per_step=10)
    made = World().plan(defined)
    third = next(step for step in made.steps() if step.partition == "2013-02-01")
    ended = StepProgress(made=SimpleNamespace())
    scripts = Scripts({third.number: ended})
    drive = Drive(made, defined, scripts)
    assert drive.next() is None
    assert drive.is_over
    assert scripts.called == [["2013-01-30", "2013-01-31"], ["2013-02-02"]]
    assert scripts.gone_on_with == ["2013-02-01"]


def test_a_partition_that_others_compute_is_waited_for_alone_and_by_who_computes_nothing():
    defined = changed(catalog("day[few]"), "day", partition_column="day", partitions_per_step=10)
    scripts = Scripts(elsewhere=["2013-02-01"])
    drive = Drive(World().plan(defined), defined, scripts)
    asked = drive.next()
    assert asked.ask == "waiting"
    assert scripts.called == [["2013-01-30", "2013-01-31"]]
    assert drive.next() is None
    assert scripts.called[1:] == [["2013-02-02"]]
    drive.answer(asked.number, None)
    assert drive.is_over
    assert scripts.called[2:] == [["2013-02-01"]]


def test_of_what_can_go_on_the_highest_priority_does_and_a_closed_pool_keeps_its_steps():
    defined = changed(changed(catalog("a", "b"), "b", priority=1), "a", pool="db")
    drive = Drive(World().plan(defined), defined, Scripts(elsewhere=[""]))
    assert drive.priority() == 1
    assert drive.next({"db"}).ask == "waiting"
    assert (drive.priority({"db"}), drive.priority()) == (None, 0)
    assert drive.next({"db"}) is None
    assert drive.next().ask == "waiting"
