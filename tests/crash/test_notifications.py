"""What is told to web addresses: each thing once in the log, at least once to the address, and by one id."""

import base64
import hmac
import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from crash.conftest import let_leases_end
from crash.engines import engine, of_type, until
from crash.logs import Through
from crash.receiver import breaks_off, receiving
from crash.test_automation import Clock
from latewood.commands.automations import automation_named, switch
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import create, drop
from latewood.commands.materializing import materialize, prepare
from latewood.commands.observing import observe
from latewood.commands.planning import Asked
from latewood.commands.status import overview_of
from latewood.errors import DefinitionsInvalid
from latewood.events import NotificationFailed, NotificationSent, NotificationsRaised, RunEnded, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving import notifying, raising
from latewood.serving.automating import evaluate
from latewood.serving.notifying import Notifier
from latewood.serving.requesting import request
from latewood_eventlog.audit import verify
from latewood_eventlog.errors import EventTooLarge

SOURCE = """
    from datetime import timedelta
    from latewood.automation import *
    from latewood.external import external_asset, observe
    from latewood.resources import Secret

    FINE = Path({fine!r})

    @asset
    def first() -> int:
        if not FINE.exists():
            raise ValueError("no luck\\nat all")
        return 1

    @asset
    def second() -> int:
        if not FINE.exists():
            raise OSError("no network")
        return 2

    @asset(reuse=False)
    def judged() -> int:
        return int(FINE.exists())

    @check(judged, blocking=True)
    def is_one(value: int) -> CheckResult:
        return CheckResult(value == 1, message=f"found {{value}}")

    @asset
    def fine() -> int:
        return 3

    @check(fine)
    def is_large(value: int) -> bool:
        return value > 7

    outside = external_asset("outside")

    @observe(outside)
    def look() -> str:
        if not FINE.exists():
            raise OSError("no network")
        return "1"

    current = Freshness("current", "judged", max_lag=timedelta(hours=1))
    {notifies}
"""


@pytest.fixture
def receiver():
    with receiving() as found:
        yield found


@pytest.fixture
def mended(tmp_path):
    """While this file is there nothing fails."""
    return tmp_path / "mended"


@pytest.fixture
def deploy(workspace, load, receiver, mended):
    def deployed(*notifies, selection='"*"', options="", url=None):
        lines = notifies or (f'told = Notify("told", {selection}, {(url or receiver.address())!r}, {options})',)
        loaded = load(SOURCE.format(fine=str(mended), notifies="\n    ".join(lines)))
        deploy_loaded(workspace, loaded)
        return loaded

    return deployed


@pytest.fixture
def run(workspace):
    def made(loaded, selection, environment="prod"):
        there = replace(workspace, environment=environment)
        return materialize(there, prepare(there, loaded, Asked(selection=selection))).run

    return made


@contextmanager
def notifier(workspace, name="test", **options):
    """Looks when it is told to, and tries again at once."""
    stop = threading.Event()
    found = Notifier(workspace, name, stop, **{"first_wait_s": 0.05, "timeout_s": 5.0, **options})
    try:
        yield found
    finally:
        stop.set()
        found.close()


def looks(found, told):
    """Look until that is true."""

    def look():
        found.look()
        return told()

    return until(look)


def settled(workspace, found):
    """Look until nothing is waiting any more, and nothing new is raised."""
    ended = NotificationSent, NotificationFailed

    def quiet():
        before = workspace.log.position()
        raised = [each.id for fact in of_type(workspace, NotificationsRaised) for each in fact.notifications]
        over = {f.id for f in of_type(workspace, *ended) if isinstance(f, NotificationSent) or f.given_up}
        found.look()
        return over >= set(raised) and workspace.log.position() == before

    until(quiet)


def occasions(receiver, path="/hook"):
    return [(told["type"], told["data"]["assets"]) for told in receiver.told(path)]


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────


def test_what_failed_is_told_once_from_when_it_was_there_and_that_it_has_recovered(
    workspace, deploy, run, receiver, mended
):
    loaded = deploy()
    run(loaded, "first")
    with notifier(workspace) as found:
        settled(workspace, found)
        assert receiver.got == [], "that was before anybody looked"
        failed = run(loaded, "first or second")
        settled(workspace, found)
        mended.touch()
        recovered = run(loaded, "first or second")
        settled(workspace, found)
        run(loaded, "first")
        settled(workspace, found)
    assert occasions(receiver) == [("failed", ["first", "second"]), ("recovered", ["first", "second"])]
    told, again = receiver.told()
    assert told["data"] == {
        "project": "default",
        "environment": "prod",
        "notify": "told",
        "assets": ["first", "second"],
        "count": 2,
        "run": failed,
        "lines": ["ValueError: no luck", "OSError: no network"],
    }
    assert told["text"] == f"failed in prod: first, second, run {failed}\nValueError: no luck"
    assert again["data"]["run"] == recovered
    assert len(set(receiver.ids())) == 2
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_checks_that_do_not_pass_are_told_and_what_one_has_refused_recovers(workspace, deploy, run, receiver, mended):
    loaded = deploy()
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "judged or fine")
        settled(workspace, found)
        mended.touch()
        run(loaded, "judged or fine")
        settled(workspace, found)
    assert [(told["type"], sorted(told["data"]["assets"])) for told in receiver.told()] == [
        ("check failed", ["fine", "judged"]),
        ("recovered", ["judged"]),
    ], "a check that blocks nothing leaves nothing to recover"
    assert "check is_one: found 0" in receiver.told()[0]["data"]["lines"]


def test_what_is_overdue_is_told_and_that_it_is_in_time_again(workspace, deploy, receiver, mended):
    clock = Clock("2024-03-01T05:00")
    workspace = replace(workspace, clock=clock)
    mended.touch()
    loaded = deploy()

    def make():
        materialize(workspace, prepare(workspace, loaded, Asked(selection="judged", force=True)))

    make()
    with notifier(workspace) as found:
        settled(workspace, found)
        clock.set("2024-03-01T07:00")
        evaluate(workspace)
        settled(workspace, found)
        make()
        evaluate(workspace)
        settled(workspace, found)
    assert [(told["type"], told["data"]["assets"], told["data"]["lines"]) for told in receiver.told()] == [
        ("overdue", ["judged"], ["by current"]),
        ("recovered", ["judged"], ["in time again"]),
    ]


def test_looks_at_what_others_make_that_fail_are_told(workspace, deploy, receiver, mended):
    loaded = deploy()
    with notifier(workspace) as found:
        settled(workspace, found)
        for _ in range(2):
            observe(workspace, loaded, "outside")
            settled(workspace, found)
            mended.touch()
    assert occasions(receiver) == [("failed", ["outside"]), ("recovered", ["outside"])]


def test_a_look_that_fails_while_the_one_before_is_read_is_told_once(workspace, deploy, receiver):
    log, pages = workspace.log, []

    def first_alone(*args, **options):
        """What the log had at that moment: the second look was recorded right after."""
        pages.append(log.read_types(*args, **options)[: 1 if not pages else None])
        return pages[-1]

    loaded = deploy(
        f'told = Notify("told", "*", {receiver.address()!r})',
        'other = external_asset("other")',
        "@observe(other)",
        "def look_there() -> str:",
        "    raise OSError('nor there')",
    )
    with notifier(workspace) as found:
        settled(workspace, found)
    observe(workspace, loaded, "outside or other")
    let_leases_end(workspace)
    with notifier(replace(workspace, log=Through(log, read_types=first_alone))) as found:
        settled(workspace, found)
    assert sorted(occasions(receiver)) == [("failed", ["other"]), ("failed", ["outside"])]


def test_only_what_is_selected_and_asked_for_is_told_and_of_the_environment(workspace, deploy, run, receiver, mended):
    loaded = deploy(selection='"first"', options='on=["recovered"]')
    create(workspace, "dev", base="prod")
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first", environment="dev")
        run(loaded, "first or second")
        settled(workspace, found)
        mended.touch()
        run(loaded, "first or second")
        settled(workspace, found)
    assert occasions(receiver) == [("recovered", ["first"])]
    assert receiver.told()[0]["data"]["environment"] == "prod"


def test_what_happens_while_it_is_off_is_not_told(workspace, deploy, run, receiver):
    loaded = deploy()
    with notifier(workspace) as found:
        settled(workspace, found)
        switch(workspace, automation_named(workspace, "told"), on=False)
        run(loaded, "first")
        settled(workspace, found)
        switch(workspace, automation_named(workspace, "told"), on=True)
        settled(workspace, found)
        run(loaded, "second")
        settled(workspace, found)
    assert occasions(receiver) == [("failed", ["second"])]


# ── a long time that nobody has looked at ─────────────────────────────────────────────────────────────


def test_much_that_has_failed_is_told_in_as_many_events_as_it_takes(workspace, deploy, run, receiver):
    failing = [
        line
        for n in range(5)
        for line in ("@asset", f"def wide{n}() -> int:", f"    raise ValueError('{n}' + '失敗しました' * 100)")
    ]
    loaded = deploy(f'told = Notify("told", "*", {receiver.address()!r})', *failing)
    with notifier(workspace) as found:
        settled(workspace, found)
        runs = [run(loaded, "wide*") for _ in range(26)]
        settled(workspace, found)
    assert [told["data"]["run"] for told in receiver.told()] == runs
    assert len(of_type(workspace, NotificationsRaised)) == 3, "the first says since when"


def test_what_cannot_be_recorded_of_one_keeps_no_other_one_waiting(workspace, deploy, run, receiver):
    def refusing(batch):
        if any('"a_large_one"' in event.data and "msg_" in event.data for a in batch.appends for event in a.events):
            raise EventTooLarge(type="notification.raised", size=70_000, limit=65_536)
        return workspace.log.append(batch)

    loaded = deploy(
        f'large = Notify("a_large_one", "*", {receiver.address("/large")!r})',
        f'small = Notify("small", "*", {receiver.address("/small")!r})',
    )
    with notifier(replace(workspace, log=Through(workspace.log, append=refusing))) as found:
        settled(workspace, found)
        run(loaded, "first")
        looks(found, lambda: receiver.at("/small"))
    assert receiver.at("/large") == []


def test_catching_up_reads_of_each_run_what_is_its_own(workspace, deploy, run, receiver):
    loaded = deploy()
    with notifier(workspace) as found:
        settled(workspace, found)
    runs = [run(loaded, "first") for _ in range(3)]
    let_leases_end(workspace)
    read = []

    def counted(project, types, **options):
        read.extend(events := workspace.log.read_types(project, types, **options))
        return events

    with notifier(replace(workspace, log=Through(workspace.log, read_types=counted))) as found:
        looks(found, lambda: len(receiver.at()) == len(runs))
    assert [event.type for event in read] == ["run.ended"] * len(runs)


def test_up_to_where_there_was_nothing_to_tell_is_recorded_now_and_then(workspace, deploy, run, mended, monkeypatch):
    monkeypatch.setattr(raising, "_SEEN_EVERY", 10)
    mended.touch()
    loaded = deploy()
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first")
        settled(workspace, found)
        assert len(of_type(workspace, NotificationsRaised)) == 1
        run(loaded, "first or second or judged")
        end = workspace.log.position()
        settled(workspace, found)
    assert [fact.seen for fact in of_type(workspace, NotificationsRaised)][1:] == [end]


def test_who_ends_leaves_what_there_is_to_tell_to_others(workspace, deploy, run, receiver):
    loaded = deploy()
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first")
        end = workspace.log.position()
        found._stop.set()
        found.look()
        assert workspace.log.position() == end
    with notifier(workspace, "other") as found:
        settled(workspace, found)
    assert occasions(receiver) == [("failed", ["first"])]


# ── signatures ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("secret", ["correct horse battery", "whsec_Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"])
def test_it_is_signed_so_that_who_has_the_secret_can_tell(workspace, deploy, run, receiver, monkeypatch, secret):
    monkeypatch.setenv("HOOK_SECRET", secret)
    loaded = deploy(options='secret=Secret(env="HOOK_SECRET")')
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first")
        settled(workspace, found)
    ((headers, body),) = receiver.at()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"correct horse battery", signed, "sha256").digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["content-type"] == "application/json"
    assert secret not in json.dumps([event.data for event in workspace.log.read_all(limit=10_000)])


def test_where_it_is_told_may_be_a_secret_that_is_recorded_nowhere(workspace, deploy, run, receiver, monkeypatch):
    monkeypatch.setenv("HOOK", receiver.address("/very-secret-path"))
    receiver.answers["/very-secret-path"] = [500]
    loaded = deploy('told = Notify("told", "*", Secret(env="HOOK"))')
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first")
        settled(workspace, found)
    assert len(receiver.at("/very-secret-path")) == 2
    assert not [event for event in workspace.log.read_all(limit=10_000) if "very-secret-path" in event.data]


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://somebody:correct-horse@127.0.0.1/hook", "without user and password"),
        ("http://127.0.0.1:correct-horse/hook", "it cannot be asked: InvalidURL"),
        ("http://127.0.0.1/correct-horse battery", "it cannot be asked: InvalidURL"),
    ],
)
def test_of_a_secret_address_that_is_none_no_part_is_recorded(workspace, deploy, run, monkeypatch, address, problem):
    monkeypatch.setenv("HOOK", address)
    loaded = deploy('told = Notify("told", "*", Secret(env="HOOK"))')
    with notifier(workspace, given_up_after=timedelta()) as found:
        settled(workspace, found)
        run(loaded, "first")
        settled(workspace, found)
    (failed,) = of_type(workspace, NotificationFailed)
    assert problem in failed.problem
    assert not [event for event in workspace.log.read_all(limit=10_000) if "horse" in event.data]


def test_what_is_secret_of_it_no_process_of_users_sees(workspace, environ, deploy, receiver, mended):
    mended.touch()
    loaded = deploy(
        'told = Notify("told", "*", Secret(env="HOOK"), secret=Secret(env="HOOK_SECRET"))',
        "import os",
        "@asset",
        "def spied() -> list[str]:",
        "    return [name for name in ('HOOK', 'HOOK_SECRET', 'OTHER') if name in os.environ]",
    )
    asked = request(workspace, prepare(workspace, loaded, Asked(selection="spied")))
    with engine({**environ, "HOOK": receiver.address(), "HOOK_SECRET": "correct horse", "OTHER": "1"}):
        until(lambda: [fact for fact in of_type(workspace, RunEnded) if fact.run == asked.run])
    (made,) = [output for fact in of_type(workspace, StepSucceeded) for output in fact.outputs]
    assert json.loads(workspace.store.read(made.artifact)) == ["OTHER"]


def test_a_branch_of_the_same_name_later_knows_nothing_of_the_first(workspace, deploy, run, receiver, mended):
    loaded = deploy(f'told = Notify("told", "*", {receiver.address()!r}, environments=["dev"])')
    with notifier(workspace) as found:
        create(workspace, "dev", base="prod")
        settled(workspace, found)
        run(loaded, "first", environment="dev")
        settled(workspace, found)
        drop(workspace, "dev")
        create(workspace, "dev", base="prod")
        settled(workspace, found)
        mended.touch()
        run(loaded, "first", environment="dev")
        settled(workspace, found)
    assert occasions(receiver) == [("failed", ["first"])]
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


# ── addresses that are not as they should be ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (500, "it answered 500 Internal Server Error"),
        (404, "it answered 404 Not Found"),
        (302, "it answered 302 Found"),
        (breaks_off, "it broke off"),
    ],
)
def test_what_is_not_taken_is_told_again_by_the_same_id(workspace, deploy, run, receiver, answer, problem):
    receiver.answers["/hook"] = [answer, answer]
    loaded = deploy()
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first")
        settled(workspace, found)
    assert (len(receiver.ids()), len(set(receiver.ids())), len({body for _, body in receiver.at()})) == (3, 1, 1)
    assert receiver.at("/elsewhere") == []
    (failed,) = of_type(workspace, NotificationFailed)
    assert failed.problem.startswith(problem)
    assert [sent.attempts for sent in of_type(workspace, NotificationSent)] == [3]


def test_an_address_where_nobody_is_is_given_up_at_last_and_that_is_known(workspace, deploy, run, receiver):
    loaded = deploy(url="http://127.0.0.1:9/hook")
    with notifier(workspace, given_up_after=timedelta(seconds=0.2)) as found:
        settled(workspace, found)
        run(loaded, "first")
        settled(workspace, found)
    failed = of_type(workspace, NotificationFailed)
    assert failed[-1].given_up
    assert failed[-1].problem.startswith("it cannot be reached: ")
    assert of_type(workspace, NotificationSent) == []


def test_what_an_address_will_never_take_is_given_up_after_some_tries_and_the_next_is_told(
    workspace, deploy, run, receiver
):
    receiver.answers["/hook"] = [413] * 5
    loaded = deploy()
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first")
        second = run(loaded, "second")
        settled(workspace, found)
    assert [told["data"]["run"] for told in receiver.told()][5:] == [second]
    assert of_type(workspace, NotificationFailed)[-1].given_up


def test_an_address_that_does_not_answer_keeps_no_other_one_waiting(workspace, deploy, run, receiver):
    over = threading.Event()
    receiver.answers["/slow"] = [lambda _: over.wait(60)] * 10
    loaded = deploy(
        f'slow = Notify("a_slow_one", "*", {receiver.address("/slow")!r})',
        f'quick = Notify("quick", "*", {receiver.address("/quick")!r})',
    )
    with notifier(workspace) as found:
        looks(found, lambda: len(of_type(workspace, NotificationsRaised)) == 2)
        runs = [run(loaded, "first"), run(loaded, "second")]
        looks(found, lambda: len(receiver.at("/quick")) == 2)
        assert [told["data"]["run"] for told in receiver.told("/quick")] == runs
        assert len(receiver.at("/slow")) == 1
        over.set()


def test_what_waits_for_an_address_takes_no_place_of_what_is_for_others(workspace, deploy, run, receiver, monkeypatch):
    monkeypatch.setattr(notifying, "_WAITING_MAX", 1)
    loaded = deploy(
        'dead = Notify("a_dead_one", "*", "http://127.0.0.1:9/hook")',
        f'quick = Notify("quick", "*", {receiver.address("/quick")!r})',
    )
    with notifier(workspace) as found:
        looks(found, lambda: len(of_type(workspace, NotificationsRaised)) == 2)
        runs = [run(loaded, "first"), run(loaded, "second")]
        looks(found, lambda: len(receiver.at("/quick")) == 2)
    assert [told["data"]["run"] for told in receiver.told("/quick")] == runs


def test_one_that_does_not_answer_in_time_is_told_again(workspace, deploy, run, receiver):
    over = threading.Event()
    receiver.answers["/hook"] = [lambda _: over.wait(60)]
    loaded = deploy()
    with notifier(workspace, timeout_s=0.3) as found:
        settled(workspace, found)
        run(loaded, "first")
        settled(workspace, found)
        over.set()
    assert len(receiver.at()) == 2
    assert of_type(workspace, NotificationFailed)[0].problem == "it did not answer within 0.3 s"


def test_what_is_on_its_way_goes_to_the_address_of_now(workspace, deploy, run, receiver):
    loaded = deploy(url="http://127.0.0.1:9/hook")
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first")
        looks(found, lambda: of_type(workspace, NotificationFailed))
        deploy()
        settled(workspace, found)
    assert occasions(receiver) == [("failed", ["first"])]


def told(workspace):
    """What status says of notifications; what is overdue, it says as well."""
    return [problem for problem in overview_of(workspace).problems if problem.startswith("notify ")]


def test_what_could_not_be_told_is_something_to_see_to_until_something_is(workspace, deploy, run, receiver):
    loaded = deploy(url="http://127.0.0.1:9/hook")
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first")
        looks(found, lambda: of_type(workspace, NotificationFailed))
        (problem,) = told(workspace)
        assert problem.startswith("notify told in prod: 1 waiting; it cannot be reached: ")
    let_leases_end(workspace)
    with notifier(workspace, given_up_after=timedelta()) as found:
        settled(workspace, found)
        (problem,) = told(workspace)
        assert problem.startswith("notify told in prod: 1 given up; it cannot be reached: ")
        run(deploy(), "second")
        settled(workspace, found)
    assert occasions(receiver) == [("failed", ["second"])]
    assert told(workspace) == []


def test_what_is_waiting_for_one_that_is_off_is_given_up(workspace, deploy, run, receiver):
    loaded = deploy(url="http://127.0.0.1:9/hook")
    with notifier(workspace) as found:
        settled(workspace, found)
        run(loaded, "first")
        looks(found, lambda: of_type(workspace, NotificationFailed))
        switch(workspace, automation_named(workspace, "told"), on=False)
        settled(workspace, found)
    assert of_type(workspace, NotificationFailed)[-1].problem == "told is not there any more, or off"


def test_what_is_being_told_while_it_is_looked_is_told_once(workspace, deploy, run, receiver, mended):
    over = threading.Event()

    def slowly(handler):
        over.wait(60)
        handler.send_response(200)
        handler.end_headers()

    def version(*where):
        """Between what waits and who is telling it this one is told."""
        if receiver.at():
            over.set()
            until(lambda: of_type(workspace, NotificationSent))
            until(lambda: not [each for each in threading.enumerate() if each.name == "latewood-notify-told"])
        return workspace.log.version(*where)

    receiver.answers["/hook"] = [slowly]
    loaded = deploy()
    with notifier(replace(workspace, log=Through(workspace.log, version=version))) as found:
        settled(workspace, found)
        run(loaded, "first")
        looks(found, receiver.at)
        mended.touch()
        run(loaded, "fine")
        found.look()
        settled(workspace, found)
    assert len(receiver.at()) == 1 + len([told for told in receiver.told() if told["type"] == "check failed"])


# ── engines ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_engine_that_is_killed_between_sending_and_recording_leaves_it_to_be_sent_by_the_same_id(
    workspace, environ, deploy, run, receiver
):
    loaded = deploy()
    over = threading.Event()
    receiver.answers["/hook"] = [lambda _: over.wait(60)]  # taken, and the answer never comes
    with engine(environ) as process:
        until(lambda: of_type(workspace, NotificationsRaised))
        run(loaded, "first")
        until(receiver.at)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert of_type(workspace, NotificationSent) == []
    let_leases_end(workspace)
    with engine(environ):
        until(lambda: of_type(workspace, NotificationSent))
    over.set()
    first, again, *others = receiver.ids()
    assert first == again not in others
    assert len({body for _, body in receiver.at()[:2]}) == 1
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_of_several_one_tells_and_another_goes_on_when_it_is_gone(workspace, deploy, run, receiver):
    loaded = deploy()
    with notifier(workspace, "one") as first, notifier(workspace, "two") as second:
        settled(workspace, first)
        run(loaded, "first")
        for _ in range(3):
            second.look()
        assert receiver.got == []
        settled(workspace, first)
        first.close()
        run(loaded, "second")
        settled(workspace, second)
        first.look()
    assert occasions(receiver) == [("failed", ["first"]), ("failed", ["second"])]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('Notify("n", "*", "example.com/hook")', r'assets.py:\d+: notify "n": url: expected an address as https://'),
        ('Notify("n", "*", "ftp://example.com")', "url: expected an address as https://"),
        ('Notify("n", "*", "https://user:pass@example.com")', "it has a password in it, which would be recorded"),
        ('Notify("n", "*", 7)', "url: expected text, or a reference"),
        ('Notify("n", "*", "https://example.com", secret="plain")', "secret: expected a reference"),
        ('Notify("n", "*", "https://example.com", on=["broken"])', "on: expected some of failed, recovered, overdue"),
        ('Notify("n", "*", "https://example.com", on=[])', "found none"),
        ('Notify("n", "first and", "https://example.com")', "first and"),
        ('Notify("n", "status:stale", "https://example.com")', "is chosen by key, group, tag, owner or kind"),
    ],
)
def test_what_cannot_be_is_refused_when_definitions_load(deploy, line, message):
    with pytest.raises(DefinitionsInvalid, match=message) as raised:
        deploy(f"n = {line}")
    assert "plain" not in str(raised.value)
