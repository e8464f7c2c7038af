"""Which steps go together when a run is taken up again, on scripts that only say what was asked of them."""

from datetime import timedelta
from types import MappingProxyType, SimpleNamespace

from builders import NOW, World, catalog, changed
from latewood.decide.progress import StepProgress
from latewood.engine.running.asks import Attempt, Enter, Together, UnderWay
from latewood.engine.running.drive import Drive
from latewood.engine.running.ranged import Due
from latewood.model.policies import Timeouts


class Scripts:
    """Says which calls were made, and which steps were left as they were recorded."""

    def __init__(self, progress=MappingProxyType({}), elsewhere=()):
        self.progress, self.called, self.gone_on_with = progress, [], []
        self.elsewhere = elsewhere
        self.failed = set()

    def now(self):
        return NOW

    def is_blocked(self, step):
        return any(input_.asset in self.failed for input_ in step.task.node.task.inputs)

    def opened(self, step, *, patient=True, until=None):
        if self.is_blocked(step):
            return None
        if step.partition in self.elsewhere:
            if not patient:
                raise UnderWay
            yield "waiting"
        return Due(step, [], "", until)

    def run(self, due):
        self.called.append([one.step.partition for one in due])
        return
        yield

    def whole(self, step, until=None):
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


class Waiting(Scripts):
    """Steps that enter, make an attempt and fail if they may not wait for either."""

    deadline = None

    def run(self, due):
        step = due[0].step
        for ask in (Enter(step, due[0].until), Attempt(due, 1, due[0].until, deadline=self.deadline)):
            answer = yield ask
            if answer == "too late":
                self.failed.add(step.task.node.keys[0])
                return


def waiting(*lines, minutes=5):
    defined = catalog(*lines)
    for key in ("a", "b"):
        defined = changed(defined, key, timeouts=Timeouts(queued=timedelta(minutes=minutes)))
    return Drive(World().plan(defined), defined, Waiting())


def asked_of(drive, minutes):
    """What is overdue by then: of which asset what is asked, and whether somebody was given it."""
    found = drive.overdue(NOW + timedelta(minutes=minutes))
    for number, _, _ in found:
        drive.answer(number, "too late")
    return [(type(ask), is_given) for _, ask, is_given in found]


def test_what_has_waited_too_long_is_begun_without_room_and_not_given_again():
    drive = waiting("a", "b")
    assert drive.limit == NOW + timedelta(minutes=5)
    assert asked_of(drive, 4) == []
    assert asked_of(drive, 5) == [(Enter, False), (Enter, False)]
    assert drive.is_over
    assert (drive.limit, drive.next(), drive.overdue(NOW + timedelta(days=1))) == (None, None, [])


def test_what_was_given_waits_on_until_it_is_answered():
    drive = waiting("a", "b")
    a, b = drive.next(), drive.next()
    drive.answer(a.number, None)
    assert type(drive.next().ask) is Attempt
    drive.answer(a.number, "made")
    drive.answer(b.number, None)  # nobody has room for its attempt
    assert asked_of(drive, 5) == [(Attempt, False)]
    assert drive.is_over


def test_an_attempt_waits_to_begin_no_longer_than_there_is_time_for_all():
    defined = catalog("a")
    scripts = Waiting()
    scripts.deadline = NOW + timedelta(minutes=5)
    drive = Drive(World().plan(defined), defined, scripts)
    entering = drive.next()
    assert drive.limit is None
    drive.answer(entering.number, None)
    assert type(drive.next().ask) is Attempt
    assert drive.limit == scripts.deadline
    assert asked_of(drive, 4) == []
    assert asked_of(drive, 5) == [(Attempt, True)]
    assert drive.is_over


def test_what_can_only_be_skipped_ends_without_room():
    drive = waiting("a", "b", "c <- a", "d")
    asked_of(drive, 5)
    drive.skip_blocked()
    assert [type(asked.ask) for asked in iter(drive.next, None)] == [Enter]
    assert drive.limit is None


def test_those_that_were_to_begin_together_are_begun_when_they_may_wait_no_longer():
    limits = (NOW, NOW + timedelta(minutes=1))

    class Lists(Scripts):
        def run(self, due):
            yield Together(iter([self.element(due[0].step) for _ in range(3)]), NOW)

        def element(self, step):
            yield Enter(step, limits[len(self.called)])
            self.called.append("given up")
            yield Enter(step, limits[1])

    defined = catalog("a")
    drive = Drive(World().plan(defined), defined, Lists())
    first = drive.next()
    assert drive.limit == NOW
    found = drive.overdue(NOW)
    assert [(one.number == first.number, one.is_given) for one in found] == [
        (True, True),
        (False, False),
        (False, False),
    ]
    for one in found:
        drive.answer(one.number, "too late")
    assert drive.limit == limits[1]
