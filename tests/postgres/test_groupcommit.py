"""Group commit: few commits for many appends, in order, each with its own answer."""

import threading
from concurrent.futures import Future

import pytest
from sqlalchemy.exc import ProgrammingError

from latewood_eventlog.errors import BatchMalformed, DatabaseUnreachable, WrongExpectedVersion
from latewood_eventlog.groupcommit import GroupCommit
from postgres.ledger import Balances, happened, moved, open_ledger, opened, to


class Gate:
    """A `prepare` that lets one group pass at a time, so that a test decides what comes together."""

    def __init__(self) -> None:
        self.groups: list[list[object]] = []
        self.arrived = threading.Semaphore(0)
        self.open = threading.Semaphore(0)

    def __call__(self, needs) -> None:
        self.groups.append(list(needs))
        self.arrived.release()
        self.open.acquire(timeout=20)
        if "broken" in needs:
            raise OSError("no space left")


def test_an_append_waits_for_its_commit(ledger):
    with GroupCommit(ledger.log) as commits:
        assert commits.append(to("s", happened())).positions == (1,)
        assert ledger.log.position() == 1
        with pytest.raises(WrongExpectedVersion):
            commits.append(to("s", happened(), expected=0))


def test_many_threads_keep_their_order_in_few_commits(ledger):
    def appends(number: int) -> None:
        for i in range(100):
            commits.append(to(f"s{number}", happened(data=f'{{"i":{i}}}'), expected=i))

    with GroupCommit(ledger.log) as commits:
        threads = [threading.Thread(target=appends, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    recorded = ledger.log.read_all()
    assert [event.position for event in recorded] == list(range(1, 801))
    for number in range(8):
        own = [event.data for event in recorded if event.stream == f"s{number}"]
        assert own == [f'{{"i":{i}}}' for i in range(100)]
    assert len({event.recorded_at for event in recorded}) < 400, "one instant is one commit"


def test_submissions_are_recorded_in_order_and_answered_each(ledger):
    gate = Gate()
    with GroupCommit(ledger.log, gate) as commits:
        first = commits.submit(to("s", happened()), needs=["x"])
        assert gate.arrived.acquire(timeout=20)
        group = [
            commits.submit(to("s", happened(), expected=1), needs=["y"]),
            commits.submit(to("s", happened(), expected=1), needs=["z", "w"]),
            commits.submit(to("s", happened(data="[]"))),
            commits.submit(to("s", happened(), expected=2)),
        ]
        assert not first.done()
        gate.open.release(2)
    assert first.result().positions == (1,)
    assert group[0].result().positions == (2,)
    assert isinstance(group[1].exception(), WrongExpectedVersion)
    assert isinstance(group[2].exception(), BatchMalformed)
    assert group[3].result().positions == (3,)
    assert gate.groups == [["x"], ["y", "z", "w"]]


def test_what_cannot_be_prepared_fails_alone_and_none_that_came_with_it(ledger):
    gate = Gate()
    with GroupCommit(ledger.log, gate) as commits:
        first = commits.submit(to("s", happened()), needs=["x"])
        gate.arrived.acquire(timeout=20)
        group = [commits.submit(to(need, happened()), needs=[need]) for need in ("y", "broken", "z")]
        gate.open.release(5)
        assert [first.result().positions, group[0].result().positions] == [(1,), (2,)]
        with pytest.raises(OSError, match="no space left"):
            group[1].result()
        assert group[2].result().positions == (3,)
    assert gate.groups == [["x"], ["y", "broken", "z"], ["y"], ["broken"], ["z"]]


def test_what_cannot_be_prepared_fails_no_later_one(ledger):
    gate = Gate()
    with GroupCommit(ledger.log, gate) as commits:
        gate.open.release(3)
        failed = commits.submit(to("s", happened()), needs=["broken"])
        with pytest.raises(OSError, match="no space left"):
            failed.result()
        assert commits.submit(to("s", happened()), needs=["sound"]).result().positions == (1,)
        assert commits.append(to("s", happened())).positions == (2,)


def test_leaving_waits_for_all_and_nothing_can_be_submitted_afterwards(ledger):
    with GroupCommit(ledger.log) as commits:
        futures = [commits.submit(to("s", *(happened() for _ in range(40)))) for _ in range(100)]
    assert [future.done() for future in futures] == [True] * 100
    assert [future.result().last for future in futures] == list(range(40, 4_001, 40))
    with pytest.raises(RuntimeError, match="closed"):
        commits.submit(to("s", happened()))


def test_leaving_by_an_error_records_what_was_submitted(ledger):
    def leaves() -> None:
        with GroupCommit(ledger.log) as commits:
            futures.append(commits.submit(to("s", happened())))
            raise KeyError("mine")

    futures: list[Future] = []
    with pytest.raises(KeyError, match="mine"):
        leaves()
    assert futures[0].result().positions == (1,)


def test_a_lost_database_is_told_to_all_of_the_group_and_the_next_goes_on(ledger):
    gate = Gate()
    with GroupCommit(ledger.log, gate) as commits:
        commits.submit(to("s", happened()), needs=[1])
        assert gate.arrived.acquire(timeout=20)
        waiting = [commits.submit(to("s", happened()), needs=[2]) for _ in range(3)]
        gate.open.release()
        assert gate.arrived.acquire(timeout=20)
        ledger.disconnect()
        gate.open.release()
        for future in waiting:
            with pytest.raises(DatabaseUnreachable):
                future.result(timeout=10)
        assert commits.append(to("s", happened())).positions == (2,)


def test_any_error_of_the_database_is_told_and_the_thread_lives(ledger):
    ledger.rows("REVOKE INSERT ON events FROM latewood_engine", role="owner")
    with GroupCommit(ledger.log) as commits:
        with pytest.raises(ProgrammingError, match="permission denied"):
            commits.append(to("s", happened()))
        ledger.rows("GRANT INSERT ON events TO latewood_engine", role="owner")
        assert commits.append(to("s", happened())).positions == (1,)


def test_a_reducer_that_fails_is_told_and_the_thread_lives(database_url):
    with open_ledger(database_url, Balances()) as ledger, GroupCommit(ledger.log) as commits:
        with pytest.raises(KeyError, match="account"):
            commits.append(to("s", happened("moved")))
        assert commits.append(to("s", opened("a"), moved("a", 1))).positions == (1, 2)


def test_what_is_cancelled_in_time_is_not_recorded_and_hurts_nobody(ledger):
    gate = Gate()
    with GroupCommit(ledger.log, gate) as commits:
        under_way = commits.submit(to("s", happened()), needs=[1])
        assert gate.arrived.acquire(timeout=20)
        cancelled, kept = commits.submit(to("s", happened())), commits.submit(to("s", happened()))
        assert cancelled.cancel()
        assert not under_way.cancel(), "too late"
        gate.open.release()
        assert kept.result(timeout=10).positions == (2,)
        alone = commits.submit(to("s", happened()), needs=[2])
        assert gate.arrived.acquire(timeout=20)
        last: Future = commits.submit(to("s", happened()))
        assert last.cancel()
        gate.open.release()
        assert alone.result(timeout=10).positions == (3,)
    assert ledger.log.position() == 3


def test_what_is_no_batch_fails_where_it_is_submitted(ledger):
    with GroupCommit(ledger.log) as commits:
        with pytest.raises(AttributeError):
            commits.submit(None)
        assert commits.append(to("s", happened())).positions == (1,)


def test_a_callback_that_fails_does_not_end_the_thread(ledger, caplog):
    with GroupCommit(ledger.log) as commits:
        future = commits.submit(to("s", happened()))
        future.add_done_callback(lambda done: 1 / 0)
        assert commits.append(to("s", happened())).positions == (2,)
