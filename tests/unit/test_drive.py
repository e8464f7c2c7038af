"""Which steps go together when a run is taken up again, on scripts that only say what was asked of them."""

from types import SimpleNamespace

from builders import World, catalog, changed
from latewood.decide.progress import StepProgress
from latewood.engine.running.drive import Drive
from latewood.engine.running.ranged import Due


class Scripts:
    """Says which calls were made, and which steps were left as they were recorded."""

    def __init__(self, progress):
        self.progress, self.called, self.gone_on_with = progress, [], []

    def opened(self, step):
        return Due(step, [], "")
        yield

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
