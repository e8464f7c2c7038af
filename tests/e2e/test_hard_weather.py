"""The command line where the world around it is broken: clear words, exit codes, nothing lost, no secret told."""

import json
import re
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from forks import forks

from e2e import connections
from e2e.shell import LATEWOOD
from latewood.cli.app import run
from latewood_eventlog import server as embedded

PATIENT = """
from pathlib import Path
import time
from latewood import Context, Static, asset

@asset(partitions=Static(["a", "b", "c"]))
def many(context: Context) -> str:
    Path("started").touch()
    while not Path("calm").exists():
        time.sleep(0.01)
    context.log.info("made %s", context.partition)
    return context.partition
"""
"""Its steps wait for a file."""


class Lines:
    """What a process writes to one of its pipes, as it comes."""

    def __init__(self, pipe):
        self.lines = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                with self._more:
                    self.lines.append(line)
                    self._more.notify_all()

    def wait_for(self, phrase):
        """Until a line says so."""
        with self._more:
            assert self._more.wait_for(lambda: any(phrase in line for line in self.lines), 60), self.lines

    def all(self):
        """Everything, once the process has ended."""
        self._reader.join(60)
        return "".join(self.lines)


def start(shell, *arguments):
    """A run whose first step waits, and what it writes."""
    shell.write("patient.py", PATIENT)
    process = shell.start("materialize", "many", "-f", "patient.py", *arguments)
    err, out = Lines(process.stderr), Lines(process.stdout)
    while not (shell.folder / "started").exists():
        assert process.poll() is None, err.all()
        time.sleep(0.01)
    return process, err, out


@pytest.mark.parametrize("arguments", [["-q"], ["--json", "--quiet"]])
def test_a_lost_database_is_waited_for_and_that_is_said(shell, arguments):
    process, err, out = start(shell, *arguments)
    connections.let_go()
    assert re.search("[1-9] connections? of engines, servers or other commands ended with it", shell("db", "stop"))
    shell.write("calm", "")
    err.wait_for("The run waits for it, at most 30.0 s; what is finished is kept.")
    shell("db", "start")
    err.wait_for("the database is back after")
    assert process.wait(60) == 0
    assert "reused" in out.all()
    assert len(err.all().splitlines()) == 2


def said_plainly(done, code, *phrases):
    """One message with these words, this exit code, no traceback and nothing else."""
    assert (done.code, done.out) == (code, ""), done.err
    assert done.err.startswith("error: ")
    for phrase in phrases:
        assert phrase in done.err
    assert "Traceback" not in done.err
    assert "s3cret" not in done.err


@pytest.mark.parametrize("command", [["assets"], ["materialize", "*", "-f", "x.py"], ["db", "status"], ["db", "stop"]])
@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("file", "file/postgres/cluster.json: Not a directory"),
        ("file/below", "file/below/postgres/cluster.json: Not a directory"),
        ("/dev/null/home", "/dev/null/home/postgres/cluster.json: Not a directory"),
        ("x" * 300, "postgres/cluster.json: File name too long"),
    ],
)
def test_a_home_that_cannot_be_one(shell, command, place, found):
    shell.write("file", "")
    done = shell.here(*command, LATEWOOD_HOME=place)
    said_plainly(done, 4, "embedded Postgres: expected a home it can use, found: ", found, "; set LATEWOOD_HOME to ")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"data": 1}', "\0"])
def test_a_home_whose_record_of_its_server_is_damaged(shell, content):
    (shell.folder / "home" / "postgres").mkdir(parents=True)
    shell.write("home/postgres/cluster.json", content)
    for command in (["assets"], ["db", "status"], ["db", "stop"], ["db", "url"]):
        done = shell.here(*command, LATEWOOD_HOME="home")
        said_plainly(done, 4, "cluster.json what Latewood wrote there, found something else; put it back")
    assert (shell.folder / "home" / "postgres" / "cluster.json").read_text() == content


def test_a_folder_that_is_gone(shell, monkeypatch, capsys):
    gone = shell.folder / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && exec {LATEWOOD} assets"
    told = subprocess.run(
        ["sh", "-c", command],
        env=shell.environ | {"LATEWOOD_HOME": "home"},
        capture_output=True,
        text=True,
        check=False,
    )
    done = SimpleNamespace(code=told.returncode, out=told.stdout, err=told.stderr)
    said_plainly(done, 4, "the current folder: No such")
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code = run(["materialize", "x", "-f", "x.py"])
    out, err = capsys.readouterr()
    said_plainly(SimpleNamespace(code=code, out=out, err=err), 2, "the current folder: No such")


def test_an_output_that_is_full_is_said(shell):
    with Path("/dev/full").open("w") as full, (shell.folder / "err").open("w") as err:
        process = forks().start(["assets", "--json"], shell.folder, shell.environ, out=full.fileno(), err=err.fileno())
        assert process.wait(60) == 2
    assert (shell.folder / "err").read_text() == "error: standard output: No space left on device\n"


def test_an_output_that_cannot_show_a_sign_shows_it_escaped(shell):
    shell.write("signs.py", 'from latewood import asset\n\n@asset\ndef sign() -> str:\n    return "ü"\n')
    assert shell.here("materialize", "*", "-f", "signs.py").code == 0
    assert r"\u25cf  sign   fresh" in shell.afresh("assets", PYTHONIOENCODING="ascii").out


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("s3cret", "database URL: expected postgresql://"),
        (" ", "database URL: expected postgresql://"),
        ("mysql://me:s3cret@127.0.0.1/db", "found mysql://"),
        ("postgresql://me:s3cret@127.0.0.1:9/db", "Connection refused"),
        ("postgresql://me:s3cret@127.0.0.1:99999/db", "invalid port number"),
        ("postgresql://me:s3cret@[::1/db", "percent-encoded"),
        ("postgresql://me:pass@s3cret@127.0.0.1:9/db", "percent-encoded"),
        ("postgresql://me:s3cret@127.0.0.1:9/db?unknown=s3cret", 'invalid connection option "unknown"'),
    ],
)
def test_a_database_url_that_names_none(shell, url, found):
    for command in (["assets"], ["db", "migrate"], ["materialize", "*", "-f", "x.py"]):
        said_plainly(shell.here(*command, LATEWOOD_DATABASE_URL=url), 4, found)


def test_a_database_that_is_not_for_us(home, shell):
    url = embedded.ensure_started(home)
    wrong = url.url.set(password="s3cret")
    for of, found in (
        (wrong, "password authentication failed"),
        (url.url.set(database="absent"), 'database "absent" does not exist'),
        (url.url.set(database="postgres"), "expected one that can do what is asked, found: permission denied"),
    ):
        given = of.render_as_string(hide_password=False)
        done = shell.here("assets", LATEWOOD_DATABASE_URL=given)
        said_plainly(done, 4, found)
        assert url.url.password not in done.err


def test_settings_that_cannot_be(shell):
    said_plainly(shell.here("assets", LATEWOOD_LOG_LEVEL="loud"), 2, "LATEWOOD_LOG_LEVEL: expected DEBUG, INFO")
    said_plainly(shell.here("assets", LATEWOOD_PROJECT="No Name"), 2, 'LATEWOOD_PROJECT "No Name"')
    said_plainly(shell.here("assets", LATEWOOD_POSTGRES_VERSION="9"), 4, "expected Postgres 16 or 18, found '9'")


def test_steps_logs_have_what_was_logged_from_info_on(shell):
    shell.write("calm", "")
    shell.write("patient.py", PATIENT)
    run = json.loads(shell("materialize", "many", "-f", "patient.py", "--json"))["run"]
    assert "0 many a | " in shell("logs", run)
    assert "INFO latewood.user.many: made a\n" in shell("logs", run, "0")
