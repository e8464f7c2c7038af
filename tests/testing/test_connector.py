"""The contract of connectors, and connectors that break it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from latewood.plugin import Absent, Found, JobLogs, PermanentError
from latewood.testing import jobs
from latewood.testing.connector import Samples, check_connector
from latewood.testing.jobs import JobServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "connector"
SAMPLES = Samples(
    quick={"seconds": 0.02, "values": {"result": 1}, "prints": ["one", "two"]},
    failing={"fail": "no table t"},
    long={"seconds": 60},
    table={"table": {"name": "t", "columns": {"n": "int64"}, "rows": [[1], [2]]}},
    patience=timedelta(seconds=5),
)


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs")
    with jobs.serving(folder):
        yield folder


def test_the_one_of_tests_keeps_it(there):
    kept = []
    check_connector(lambda: JobServer(there), SAMPLES, kept.append)
    assert len(kept) == 15


def test_so_it_does_where_the_system_shows_jobs_later_than_it_takes_them(tmp_path):
    with jobs.serving(tmp_path, appears_after_s=0.2):
        check_connector(lambda: JobServer(tmp_path), SAMPLES, lambda _: None)


class FindsNothing(JobServer):
    def find(self, key, since, /):
        return Absent()


class FindsByTheBeginning(JobServer):
    def find(self, key, since, /):
        known = [ran for ran in jobs.history(self.folder) if key.startswith(ran.key)]
        return Found(known[-1].handle) if known else Absent()


class SaysNothing(JobServer):
    def poll(self, handle, /):
        return replace(super().poll(handle), message="")


class NeverCancels(JobServer):
    def cancel(self, handle, /):
        pass


class ReadsOn(JobServer):
    def logs(self, handle, cursor, /):
        return JobLogs(text="more\n", cursor=cursor)


class KnowsEveryHandle(JobServer):
    def poll_many(self, handles, /):
        told = super().poll_many(handles)
        known = [status for status in told.values() if not isinstance(status, PermanentError)]
        return dict.fromkeys(handles, known[0]) if known else told


class CountsUp(JobServer):
    def poll(self, handle, /):
        return self._as_made_up(super().poll(handle), data_version=handle)

    @staticmethod
    def _as_made_up(status, **said):
        return replace(status, elsewhere={name: replace(left, **said) for name, left in status.elsewhere.items()})


class NamesNoType(CountsUp):
    def poll(self, handle, /):
        return self._as_made_up(super().poll(handle), columns={"n": "bigint"})


class SeesWhatNeverWas(JobServer):
    def fingerprint(self, address, /):
        return super().fingerprint(address.removesuffix("_never_made"))


class BringsHalf(JobServer):
    def poll(self, handle, /):
        return CountsUp._as_made_up(super().poll(handle), rows=4)


@pytest.mark.parametrize(
    ("connector", "promise"),
    [
        (CountsUp, "the same content has the same data version"),
        (NamesNoType, "what stays in the system is told of"),
        (SeesWhatNeverWas, "what lies at an address has the fingerprint"),
        (BringsHalf, "what lies there is brought"),
        (FindsNothing, "what was submitted is found by its key"),
        (FindsByTheBeginning, "what was submitted is found by its key"),
        (SaysNothing, "a job that fails says why"),
        (NeverCancels, "what is cancelled ends"),
        (ReadsOn, "logs are read from a cursor"),
        (KnowsEveryHandle, "of many at once it says what it says of each"),
    ],
)
def test_what_breaks_a_promise_is_told_which(there, connector, promise):
    def connect():
        made = connector(there)
        made.folder = there
        return made

    with pytest.raises(AssertionError, match=promise):
        check_connector(connect, replace(SAMPLES, patience=timedelta(seconds=0.5)), lambda _: None)


def run(name, folder, samples, **environ):
    """As somebody does on the command line who has written one."""
    command = [sys.executable, "-m", "latewood.testing.connector", name, f"--set=folder={folder}"]
    command += [f"--{sample}={json.dumps(options)}" for sample, options in samples.items()]
    environ = {**os.environ, **environ}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def test_the_one_of_the_example_keeps_it_on_the_command_line(tmp_path):
    commands = {"quick": "echo 1", "failing": "echo why >&2; exit 3", "long": "exec sleep 60"}
    samples = {name: {"command": command} for name, command in commands.items()}
    done = run("shell_jobs:connect", tmp_path, samples, PYTHONPATH=str(EXAMPLE))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("kept: ") == 10


def test_what_is_broken_is_said_on_the_command_line(there):
    samples = {"quick": SAMPLES.failing, "failing": SAMPLES.failing, "long": SAMPLES.long}
    done = run("latewood.testing.jobs:connect", there, samples)
    assert done.returncode == 1
    assert "broken: a job is polled until it has ended well, and stays so" in done.stderr
