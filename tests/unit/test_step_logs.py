"""What steps log is kept from INFO on; the user's own logging is as it would be without Latewood."""

import io
import logging
import os
import re
import sys
from contextlib import contextmanager

import pytest

from latewood.engine.running.calls import Returned, call
from latewood.engine.running.step_logs import log_level
from latewood.errors import UsageError

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
