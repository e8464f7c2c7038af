"""The demonstration's server in the background: whatever it can answer, it is found, and ended by who asks for that."""

import fcntl
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SHOW = Path(__file__).parents[2] / "examples" / "show.py"

# What stands in for `latewood dev`: it answers, until there is a file that says that its database is away.
DEV = f"""#!{sys.executable}
import signal, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

def ended(*_):
    time.sleep(0.3)
    Path(__file__).with_name("ended").touch()
    sys.exit()

class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if Path(__file__).with_name("away").exists() else 200)
        self.end_headers()

class Server(HTTPServer):
    def service_actions(self):
        if not Path(__file__).exists():
            sys.exit()

signal.signal(signal.SIGTERM, ended)
server = Server(("127.0.0.1", 0), Answers)
print(f"at http://127.0.0.1:{{server.server_port}}", flush=True)
server.serve_forever()
"""


@pytest.fixture
def show(tmp_path):
    """The script, run by the Python of an environment of which `latewood` is the stand-in: what it says."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    (tmp_path / "bin" / "latewood").write_text(DEV)
    (tmp_path / "bin" / "latewood").chmod(0o755)

    def run(*options):
        command = [tmp_path / "bin" / "python", "-I", SHOW, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        return done.stdout + done.stderr

    yield run
    (tmp_path / "bin" / "latewood").unlink()  # by which the stand-in ends, whatever came of the test


def test_what_cannot_answer_is_found_and_ended_all_the_same(show, tmp_path):
    where = show()
    assert "http://127.0.0.1" in where
    assert show() == where
    (tmp_path / "bin" / "away").touch()
    assert "is running and cannot answer" in show()
    assert show("--stop") == "stopped\n"
    assert (tmp_path / "bin" / "ended").exists()
    assert show("--stop") == "was not running\n"


def test_a_process_that_was_given_the_number_since_is_left_alone(show, tmp_path):
    with subprocess.Popen(["sleep", "60"]) as other:
        (tmp_path / "demo.pid").write_text(str(other.pid))
        assert show("--stop") == "was not running\n"
        assert other.poll() is None
        other.kill()


def test_what_does_not_end_is_not_waited_for_without_bound(tmp_path):
    stopped = runpy.run_path(str(SHOW))["stopped"]
    stopped.__globals__.update(PID=tmp_path / "demo.pid", LOG=tmp_path / "demo.log", ENDS_S=0)
    with subprocess.Popen(["sleep", "60"]) as process, (tmp_path / "demo.pid").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        print(process.pid, file=held, flush=True)
        with pytest.raises(SystemExit, match=f"process {process.pid}, or one that it started, is still there"):
            stopped()
