"""The boundary to connectors: what they return and raise becomes a value that nobody else has to check."""

from datetime import UTC, datetime

import pytest

from latewood.engine.running import connected
from latewood.engine.running.connected import (
    Connections,
    ToCancel,
    ToFetch,
    ToFind,
    ToPoll,
    ToRead,
    ToSee,
    ToSubmit,
    Unanswered,
)
from latewood.errors import UsageError
from latewood.model.jobs import Job, JobState, JobStatus
from latewood.plugin import PermanentError, TransientError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job(key="k", options={}, settings={}, parameters={}, inputs={}, outputs={}, labels={})


class Scripted:
    """Answers what it was told to, in turn; what is an exception is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def _answer(self, *_):
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    submit = find = poll = logs = cancel = _answer


@pytest.fixture
def asking(tmp_path, monkeypatch):
    def ask(act, *answers):
        connector = Scripted(*answers)
        monkeypatch.setattr(connected, "connected", lambda *_: connector)
        return Connections().ask(tmp_path, "prod", "scripted", act), connector.asked

    return ask


@pytest.mark.parametrize("act", [ToFind("k", NOW), ToPoll("h"), ToRead("h", ""), ToCancel("h")])
def test_what_passes_is_asked_again_a_few_times(asking, act):
    found, asked = asking(act, *[TransientError("busy")] * 3)
    assert (found, asked) == (Unanswered(passes=True, error="TransientError", message="busy"), 3)


def test_nothing_is_submitted_twice_however_that_ended(asking):
    found, asked = asking(ToSubmit(JOB), TransientError("timed out"), "h")
    assert (found.passes, asked) == (True, 1)


def test_what_is_refused_is_not_asked_again_and_says_where_to_read_more(asking):
    found, asked = asking(ToPoll("h"), PermanentError("no such job", link="http://x"))
    assert (found.passes, found.message, found.link, asked) == (False, "no such job", "http://x", 1)


def test_a_fault_of_the_connector_is_named(asking):
    found, asked = asking(ToPoll("h"), KeyError("id"))
    assert (found.passes, found.message, asked) == (False, "KeyError: 'id'", 1)


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        (ToSubmit(JOB), None),
        (ToSubmit(JOB), ""),
        (ToSubmit(JOB), "h" * 5_000),
        (ToFind("k", NOW), None),
        (ToPoll("h"), "running"),
        (ToPoll("h"), JobStatus(state="nearly")),
        (ToRead("h", ""), "text"),
    ],
)
def test_what_it_must_not_return_is_no_answer(asking, act, answer):
    found, _ = asking(act, answer)
    assert isinstance(found, Unanswered)
    assert not found.passes


def test_a_status_is_told_as_far_as_it_can_be(asking):
    status = JobStatus(state="running", message=None, progress=7, metrics={"took": float("nan")}, links={"job": 3})
    found, _ = asking(ToPoll("h"), status)
    assert found == JobStatus(
        state=JobState.RUNNING, message="", progress=1.0, metrics={"took": "nan"}, links={"job": "3"}
    )


class Reading(Scripted):
    """Has one table, which is what is fetched."""

    there = "e1"

    def fingerprint(self, address):
        return self.there if address == "t" else ""

    def fetch(self, address, path):
        path.write_text("its rows")
        self.there = self._answer() or self.there


@pytest.fixture
def fetching(tmp_path, monkeypatch):
    def ask(act, *answers):
        monkeypatch.setattr(connected, "connected", lambda *_: Reading(*answers))
        return Connections().ask(tmp_path, "prod", "reading", act)

    return ask


def test_what_lies_in_its_system_is_looked_at_and_brought(fetching, tmp_path):
    assert (fetching(ToSee("t")), fetching(ToSee("u"))) == ("e1", "")
    path = tmp_path / "folder" / "t.parquet"
    assert fetching(ToFetch("t", "e1", str(path)), TransientError("busy"), None).startswith("file1:")
    assert path.read_text() == "its rows"


@pytest.mark.parametrize(
    ("address", "fingerprint", "changes_to", "said"),
    [
        ("t", "e0", None, "another content than was recorded"),
        ("t", "e1", "e2", "another content than was recorded"),
        ("u", "e1", None, "nothing there any more"),
    ],
)
def test_what_is_not_what_was_recorded_is_not_brought(fetching, tmp_path, address, fingerprint, changes_to, said):
    found = fetching(ToFetch(address, fingerprint, str(tmp_path / "t.parquet")), changes_to)
    assert isinstance(found, Unanswered)
    assert said in found.message


def test_one_that_brings_nothing_says_so_and_what_lies_there_is_believed(asking, tmp_path):
    assert asking(ToSee("t")) == (None, 0)
    found, _ = asking(ToFetch("t", "e1", str(tmp_path / "t.parquet")))
    assert "brings nothing here" in found.message


@pytest.mark.parametrize(
    ("environment", "settings"),
    [("prod", {"url": "a", "token": "of-test-connected"}), ("dev", {"url": "b", "token": "of-test-connected"})],
)
def test_it_is_configured_by_environment_and_secrets_are_read(tmp_path, monkeypatch, environment, settings):
    monkeypatch.setenv("PLANTED", "of-test-connected")
    (tmp_path / "latewood.toml").write_text(
        '[connectors.local]\nurl = "a"\ntoken = { env = "PLANTED" }\n[environments.dev.connectors.local]\nurl = "b"\n'
    )
    assert connected.settings_of(tmp_path, environment, "local") == settings


def test_one_that_nobody_announces_is_told_with_those_there_are(tmp_path):
    with pytest.raises(UsageError, match='connector "local" is not installed where the engine runs'):
        connected.connected(tmp_path, "prod", "local")
