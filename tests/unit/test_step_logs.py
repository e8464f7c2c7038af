"""What steps log is kept from INFO on; the user's own logging is as it would be without Latewood."""

import io
import logging
import os
import re
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from latewood.context import Context
from latewood.engine.running.calls import Returned, call
from latewood.engine.running.step_logs import listening, log_level
from latewood.errors import UsageError
from latewood.model.keys import AssetKey, RunId

ROOT = logging.getLogger()


@contextmanager
def in_a_new_process():
    """The root logger as Python has it then, and no wish of this shell's."""
    handlers, level, named = ROOT.handlers[:], ROOT.level, os.environ.pop("LATEWOOD_LOG_LEVEL", None)
    ROOT.handlers.clear()
    ROOT.setLevel(logging.WARNING)
    try:
        yield
    finally:
        ROOT.handlers[:] = handlers
        ROOT.setLevel(level)
        if named is not None:
            os.environ["LATEWOOD_LOG_LEVEL"] = named


def logged(function):
    """The lines that a call printed and logged, without their times."""
    outcome = call(function, {})
    assert isinstance(outcome, Returned), outcome
    return [line.partition(",")[2][4:] or line for line in outcome.output.splitlines()]


def speak():
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        logging.getLogger("shop.orders").log(level, "level %s", level)


@in_a_new_process()
def test_what_is_logged_is_kept_from_info_on():
    assert logged(speak) == ["INFO shop.orders: level 20", "WARNING shop.orders: level 30"]
    assert (ROOT.level, ROOT.handlers) == (logging.WARNING, [])


@pytest.mark.parametrize(("named", "kept"), [("DEBUG", 3), ("debug", 3), ("WARNING", 1), ("", 2)])
@in_a_new_process()
def test_the_level_can_be_named(monkeypatch, named, kept):
    monkeypatch.setenv("LATEWOOD_LOG_LEVEL", named)
    assert len(logged(speak)) == kept


@in_a_new_process()
def test_a_level_that_is_none_is_refused():
    with pytest.raises(UsageError, match=re.escape('or CRITICAL, found "loud"')):
        log_level({"LATEWOOD_LOG_LEVEL": "loud"})


@in_a_new_process()
def test_a_level_that_the_code_set_itself_holds():
    ROOT.setLevel(logging.DEBUG)
    assert len(logged(speak)) == 3
    ROOT.setLevel(logging.WARNING)
    logging.getLogger("shop").setLevel(logging.ERROR)
    try:
        assert logged(speak) == []
    finally:
        logging.getLogger("shop").setLevel(logging.NOTSET)


@in_a_new_process()
def test_handlers_of_the_users_own_hear_what_they_heard_before():
    heard = io.StringIO()
    ROOT.addHandler(logging.StreamHandler(heard))
    own = logging.getLogger("shop.own")
    own.setLevel(logging.DEBUG)

    def both():
        speak()
        own.debug("asked for")

    assert len(logged(both)) == 3
    assert heard.getvalue() == "level 30\nasked for\n"
    own.setLevel(logging.NOTSET)
    assert ROOT.handlers[0].filters == []


@pytest.mark.parametrize("force", [False, True])
@in_a_new_process()
def test_handlers_that_a_step_adds_do_not_outlive_it(force):
    def configure():
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, force=force)
        speak()

    for _ in range(3):
        assert len(call(configure, {}).output.splitlines()) == 2
        assert ROOT.handlers == []


@in_a_new_process()
def test_what_a_step_sets_stays():
    call(lambda: ROOT.setLevel(logging.DEBUG), {})
    assert ROOT.level == logging.DEBUG


@in_a_new_process()
def test_a_record_that_cannot_be_formatted_fails_no_step():
    outcome = call(lambda: logging.getLogger("shop").info("%d items", "many"), {})
    assert isinstance(outcome, Returned)
    assert "--- Logging error ---" in outcome.output


# ── a run of many calls ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def cleared(monkeypatch):
    """How often `logging` went through all loggers."""
    times = []
    clear = logging.Manager._clear_cache
    monkeypatch.setattr(logging.Manager, "_clear_cache", lambda manager: (times.append(1), clear(manager)))
    return times


@in_a_new_process()
def test_a_run_changes_the_level_once_and_leaves_the_root_logger_as_it_found_it(cleared):
    heard = io.StringIO()
    ROOT.addHandler(logging.StreamHandler(heard))
    handlers = ROOT.handlers[:]
    cleared.clear()
    with listening():
        for _ in range(5):
            assert logged(speak) == ["INFO shop.orders: level 20", "WARNING shop.orders: level 30"]
        ROOT.info("between steps nobody listens")
    assert len(cleared) == 2
    assert heard.getvalue() == "level 30\n" * 5
    assert (ROOT.level, ROOT.handlers, handlers[0].filters) == (logging.WARNING, handlers, [])


@in_a_new_process()
def test_what_one_step_changes_holds_for_the_next_and_after_the_run():
    def louder():
        ROOT.setLevel(logging.ERROR)
        ROOT.addHandler(logging.StreamHandler(heard))

    heard = io.StringIO()
    with listening():
        call(louder, {})
        assert len(logged(speak)) == 2
        assert heard.getvalue() == ""
        logged(lambda: ROOT.error("bad"))
        assert heard.getvalue() == "bad\n"
        call(lambda: ROOT.setLevel(logging.DEBUG), {})
        assert len(logged(speak)) == 3
        assert heard.getvalue() == "bad\nlevel 10\nlevel 20\nlevel 30\n"
        call(lambda: logging.basicConfig(force=True), {})  # takes all handlers away
        assert len(logged(speak)) == 3
    assert (ROOT.level, ROOT.handlers) == (logging.DEBUG, [])


@in_a_new_process()
def test_threads_of_a_step_are_heard_and_calls_within_calls_by_both():
    def outer():
        thread = threading.Thread(target=speak)
        thread.start()
        thread.join()
        inner.append(call(lambda: logging.getLogger("inner").warning("deep"), {}).output)

    inner = []
    with listening():
        assert [line.partition(":")[0] for line in logged(outer)] == [
            "INFO shop.orders",
            "WARNING shop.orders",
            "WARNING inner",
        ]
    assert [line.count("deep") for line in inner] == [1]


def context(key):
    return Context(
        assets=(AssetKey(key),),
        outputs=("result",),
        partition=None,
        run=RunId("r"),
        attempt=1,
        now=lambda: datetime.now(UTC),
        is_cancelled=lambda: False,
        on_progress=lambda _share, _message: None,
    )


@in_a_new_process()
def test_the_log_of_a_context_is_kept_by_nobody_and_obeys_the_levels_of_its_name():
    known = set(logging.root.manager.loggerDict)
    heard = io.StringIO()
    ROOT.addHandler(logging.StreamHandler(heard))
    for number in range(50):
        said = context(f"shop/many{number}")
        assert logged(lambda log=said.log: log.info("made")) == [f"INFO latewood.user.shop/many{number}: made"]
        assert said.log is said.log
    assert set(logging.root.manager.loggerDict) - known <= {"latewood", "latewood.user"}
    assert heard.getvalue() == ""
    try:
        context("shop/loud").log.setLevel(logging.DEBUG)
        assert logged(lambda: context("shop/loud").log.debug("fine")) == ["DEBUG latewood.user.shop/loud: fine"]
        assert heard.getvalue().splitlines() == ["fine"]
        assert logged(lambda: context("shop/loud.er").log.debug("fine")) == ["DEBUG latewood.user.shop/loud.er: fine"]
        logging.getLogger("latewood.user").setLevel(logging.ERROR)
        assert logged(lambda: context("shop/quiet").log.warning("not this")) == []
    finally:
        logging.getLogger("latewood.user").setLevel(logging.NOTSET)
        logging.getLogger("latewood.user.shop/loud").setLevel(logging.NOTSET)
