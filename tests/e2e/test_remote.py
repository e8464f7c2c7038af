"""The command line as a client of a server, beside the one that has the database: the same words."""

import json
import os
import re
import threading
import time
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path

import pytest

from e2e.shell import shell_in
from latewood.cli.remote import making

FLOW = """
from datetime import timedelta
from latewood import *
from latewood.automation import Freshness, Schedule
from latewood.external import DataVersion, external_asset, observe

@asset(partitions=Daily("2026-01-01", end="2026-01-05"), group="raw", tags={"team": "sales"})
def orders(partition: PartitionKey) -> int:
    print("looking at", partition)
    return int(partition[-2:])

@asset(description="What was earned")
def revenue(orders: Partitioned[int], *, scale: int = 10) -> int:
    return sum(value for _, value in orders) * scale

@asset
def broken(revenue: int) -> int:
    print("about to fail")
    raise ValueError("no such day")

@asset
def report(broken: int) -> str:
    return str(broken)

@workflow
def powers(n: int = 2) -> int:
    return power(n)

@task
def power(n: int) -> int:
    return n * n

feed = external_asset("feed", partitions=Static(["eu", "us"]))

@observe(feed)
def look(partition: PartitionKey) -> DataVersion:
    if partition == "us":
        raise ValueError("no such feed")
    return DataVersion("monday", {"rows": 7})

current = Freshness("current", "revenue", max_lag=timedelta(days=1))
nightly = Schedule("nightly", "orders", "0 3 * * *", last_window=True)
"""


@contextmanager
def started(shell, *arguments, says, script=None):
    """A process of the project, once it has said this on standard error."""
    process = shell.start(*arguments, script=script)
    try:
        line = process.stderr.readline()
        assert says in line, line + process.stderr.read()
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield line
    finally:
        process.terminate()
        process.wait()
        drain.join()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="module")
def flow(environ, tmp_path_factory):
    shell = shell_in(environ, tmp_path_factory.mktemp("flow"), f"flow-{os.getpid()}-{time.time_ns()}")
    shell.write("flow.py", FLOW)
    made = shell.here("materialize", "orders or revenue or broken or report", "-f", "flow.py", "--quiet")
    assert made.code == 1, made
    shell.write("flow.py", FLOW.replace("return int(partition[-2:])", "return 1 + int(partition[-2:])"))
    shell("deploy", "-f", "flow.py")
    shell("env", "create", "dev")
    shell("pin", "revenue.scale=3", "--env", "dev")
    shell("materialize", "orders", "--partition", "2026-01-01", "-f", "flow.py", "--env", "dev", "--quiet")
    return shell


@pytest.fixture(scope="module")
def url(flow):
    with started(flow, "server", "--port", "0", says="the API is at") as line:
        yield line.rpartition(" ")[2].strip()


@pytest.fixture
def there(flow, url):
    """What a command prints that asks the server, without a database to fall back to."""

    def run(*arguments, **changed):
        nowhere = {"LATEWOOD_HOME": "/nowhere", "LATEWOOD_SERVER": url}
        return flow.here(*arguments, **{**nowhere, **changed})

    return run


def run_of(flow):
    return json.loads(flow("runs", "--json"))[-1]["run"]


READS = [
    "assets",
    "assets --json",
    "assets status:stale",
    "assets nothing*",
    "runs",
    "runs --status failed",
    "runs --status queued",
    "runs --limit 5000",
    "run RUN",
    "run RUN --all",
    "run nothing",
    "run RUN --all --json",
    "run RUN --follow",
    "logs RUN",
    "logs RUN 0",
    "logs RUN 99",
    "log tail",
    "log tail --after 0",
    "log tail --after 99999",
    "why revenue",
    "why orders",
    "why broken",
    "why report",
    "why nothing",
    "plan report",
    "plan *",
    "plan orders --partition 2026-01-01..2026-01-02",
    "plan revenue --param revenue.scale=3",
    "plan revenue --param scale=3",
    "plan revenue --env dev",
    "lineage broken --up 5",
    "plan nothing",
    "launch powers --dry-run",
    "launch nothing --dry-run",
    "lineage revenue",
    "lineage orders --up 0 --down 1",
    "lineage orders --column rows",
    "deployments",
    "deployments flow",
    "env list",
    "env diff dev",
    "env diff dev orders",
    "env diff prod --to dev",
    "env diff nothing",
    "pin",
    "pin --env dev",
    "pin --env dev --json",
    "pin revenue.scale",
    "pin revenue.scale=1,2",
    "compare orders",
    "compare orders --partition 2026-01-01 --by value --lowest",
    "compare revenue --limit 1",
    "compare revenue --by valeu",
    "asset orders",
    "asset revenue --env dev --limit 1",
    "asset orders --partition 2026-01-02",
    "asset nothing",
    "show revenue",
    "show orders",
    "show orders --partition 2026-01-01..2026-01-02",
    "tasks",
    "tasks flow.py:power",
    "tasks flow.py:pover",
    "automation list",
]


@pytest.mark.parametrize("command", READS)
def test_the_same_is_printed(flow, there, command):
    arguments = command.replace("RUN", run_of(flow)).split()
    here, remote = flow.here(*arguments), there(*arguments)
    found, expected = (f"{done.out}{done.err}{done.code}".splitlines() for done in (remote, here))
    assert found == expected, "\n".join(unified_diff(expected, found, "here", "there", lineterm="", n=0))


@pytest.mark.parametrize(
    "command",
    [
        "why revenue --json",
        "why broken --json",
        "lineage revenue --json",
        "plan * --json",
        "compare orders --json",
        "deployments --json",
        "env diff dev --json",
        "asset revenue --json",
        "show orders --json",
    ],
)
def test_what_a_server_does_not_tell_is_not_there_for_machines(flow, there, command):
    here, remote = (json.loads(run(*command.split()).out) for run in (flow.here, there))
    assert remote
    assert is_part_of(remote, here)


def is_part_of(part, whole):
    if isinstance(part, dict):
        return all(name in whole and is_part_of(value, whole[name]) for name, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(is_part_of, part, whole))
    return part == whole


def test_a_plan_comes_in_pages_and_is_shown_whole(flow, url, monkeypatch):
    monkeypatch.setattr("latewood.cli.remote.making._TASKS", making._TASKS.replace("500", "1"))
    paged = flow.here("plan", "*", "--json", LATEWOOD_SERVER=url)
    assert len(json.loads(paged.out)["steps"]) == len(json.loads(flow("plan", "*", "--json"))["steps"]) > 3


def test_a_run_is_asked_for_followed_retried_and_ended(flow, there):
    detached = there("materialize", "orders", "--force", "--detach")
    assert detached.code == 0, detached
    run = detached.out.split()[1].rstrip(":")
    assert detached.out == (f"run {run}: 4 steps asked for\n`latewood run {run}` shows how far it is.\n")
    assert run in flow("runs", "--status", "queued")
    assert there("run", "cancel", run).out == f"run {run} is going to be cancelled\n"
    with started(flow, "engine", "--workers", "1", "--lease", "1", says=""):
        followed = there("materialize", "revenue", "--param", "revenue.scale=7")
        assert followed.code == 0, followed
        assert re.search(r"run \w+ succeeded: 1 run, 0 reused in .*\.\n$", followed.out)
        failed = there("materialize", "broken", "--quiet", "--force")
        assert failed.code == 1, failed
        assert "ValueError: no such day" in failed.out
        of = re.search(r"run (\w+) failed", failed.out)[1]
        again = there("run", "retry", of, "--quiet")
        assert again.code == 1
        assert f"retries 1 step of run {of}" in again.out
        launched = there("launch", "powers", "--param", "n=3,4", "--quiet")
        assert (launched.code, "succeeded: 2 run" in launched.out) == (0, True), launched
        printed = [there("logs", of, "0", "--follow"), flow.here("logs", of, "0", "--follow")]
        assert [done.out.splitlines()[0] for done in printed] == ["about to fail"] * 2
    assert "cancelled" in there("run", run).out
    assert there("run", run).out == flow("run", run)
    assert there("why", run).out == flow("why", run)
    assert there("why", run, "3").out == flow("why", run, "3")
    assert json.loads(there("why", of, "0", "--json").out) == json.loads(flow("why", of, "0", "--json"))


def test_what_counts_is_moved_and_taken_back(flow, there):
    assert there("env", "create", "trial").out.startswith("trial branched from prod at position ")
    assert there("env", "list").out == flow("env", "list")
    assert there("pin", "revenue.scale=4", "--env", "trial").out.startswith(
        "revenue.scale: 10 -> 4\n1 parameter of trial"
    )
    assert flow("pin", "--env", "trial") == there("pin", "--env", "trial").out
    promoted = there("env", "promote", "dev", "--to", "trial", "--force").out
    assert promoted.startswith("trial has 1 head of 1 asset, 0 deployments and 1 pinned parameter of dev now")
    assert there("unpin", "revenue.scale", "--env", "trial").out.startswith("revenue.scale: 3 -> its default\n")
    (made, *_) = [line.split()[0] for line in flow("asset", "revenue").splitlines() if " head " in line]
    told = there("retract", made, "--reason", "wrong", "--env", "trial").out
    assert "made from it" in told
    assert "latewood plan 'status:stale' --env trial: " in told
    assert told.endswith(f"`latewood retract {made} --undo` takes it back.\n")
    assert "retracted" in there("why", "revenue").out
    assert there("why", "revenue").out == flow("why", "revenue")
    assert "taken back at position" in there("retract", made, "--undo").out
    assert there("rollback", "revenue", made).code == 0
    assert there("env", "promote", "trial").out.startswith("prod has 1 head of 1 asset and 0 deployments of trial now")
    assert there("env", "promote", "trial").out.startswith("Nothing to promote: prod has all that trial has")
    assert there("env", "drop", "trial").code == 0
    assert "With --force" in there("env", "drop", "prod").err
    assert there("automation", "off", "nightly").out == "nightly is off in prod\n"
    assert there("automation", "off", "nightly").out == "nightly is off in prod, as it was\n"
    assert there("automation", "list").out == flow("automation", "list")
    first, *_, last = [line.split()[0] for line in flow("deployments").splitlines()[1:]]
    assert there("deployments", "diff", last, first).out == flow("deployments", "diff", last, first)
    assert f"has flow.py again as deployed in {last}" in there("deployments", "rollback", "flow.py", last).out
    assert there("deployments", "rollback", "flow.py", first).code == 0
    assert there("status").out.startswith("server ")
    assert there("status", LATEWOOD_ENV="nope").out.startswith("server ")
    slip = there("runs", "--env", "prd")
    assert (slip.code, 'no environment "prd"; near: prod' in slip.err) == (2, True)
    first, again = there("observe", "feed"), flow.run("observe", "feed")
    assert [done.code for done in (first, again)] == [1, 1], "of one partition nobody can say"
    assert re.search(r"feed +eu +given:monday +new 7 rows", first.out), first
    assert "feed us: ValueError: no such feed" in first.out
    assert there("observe", "feed", "--partition", "eu").out.splitlines()[:2] == again.out.splitlines()[:2]


@pytest.mark.parametrize(
    "command",
    ["gc", "server", "dev", "engine", "db migrate", "log verify", "partitions list revenue"],
)
def test_what_works_on_the_database_says_so_and_does_nothing(there, command):
    done = there(*command.split())
    assert (done.out, done.code) == ("", 2)
    assert f"`latewood {command.removesuffix(' revenue')}` works on the database" in done.err


@pytest.mark.parametrize(
    "command",
    [
        "materialize * -f flow.py",
        "plan * -m flow",
        "launch powers -f flow.py",
        "why revenue -f flow.py",
        "deploy -f flow.py",
        "observe feed -f flow.py",
    ],
)
def test_code_is_not_taken_from_elsewhere(there, command):
    done = there(*command.split())
    assert (done.out, done.code) == ("", 2)
    assert "leave out -f, -m and --location" in done.err


def test_a_server_that_does_not_answer_ends_with_the_code_of_a_database_that_does_not(flow, monkeypatch):
    monkeypatch.setattr("latewood.cli.remote.connection.PATIENCE_S", 0.3)
    done = flow.here("assets", LATEWOOD_SERVER="http://127.0.0.1:9")
    assert (done.out, done.code) == ("", 4)
    assert "http://127.0.0.1:9/graphql does not answer" in done.err


def test_more_versions_than_a_page_are_refused(there):
    done = there("asset", "revenue", "--limit", "1001")
    assert (done.out, done.code) == ("", 2)
    assert "expected at most 1,000 versions through a server, found 1,001" in done.err


def test_an_address_that_is_none_is_said_so(there):
    done = there("assets", LATEWOOD_SERVER="nowhere")
    assert (done.out, done.code) == ("", 2)
    assert 'expected the address of a server, as in https://latewood.example/graphql: "nowhere"' in done.err


def test_what_others_on_the_way_can_read_is_warned_of(flow, monkeypatch):
    monkeypatch.setattr("latewood.cli.remote.connection.PATIENCE_S", 0.1)
    done = flow.here("assets", LATEWOOD_SERVER="http://latewood.invalid", LATEWOOD_TOKEN="secret-text")
    warning = (
        "warning: http://latewood.invalid/graphql is not https: others on the way can read all of it, and the token"
    )
    assert done.err.startswith(warning)
    assert "secret-text" not in done.out + done.err
    assert "warning" not in flow.here("assets", LATEWOOD_SERVER="https://latewood.invalid").err


SOON = """
from latewood.cli.entry import main
from latewood_graphql.live import sending

sending.PING_S = 0.2
main()
"""
"""Whether who follows is still let in is asked every quarter of a minute else."""


def test_a_token_lets_in_and_is_in_no_title_and_no_message(own_log):
    own_log.write("flow.py", FLOW)
    own_log("deploy", "-f", "flow.py")
    token = json.loads(own_log("token", "create", "ann", "--role", "viewer", "--json"))["text"]
    own_log.write("soon.py", SOON)
    script = own_log.folder / "soon.py"
    with started(own_log, "server", "--port", "0", says="the API is at", script=script) as line:
        address = line.rpartition(" ")[2].strip()
        given = ["--server", address, "log", "tail", "--follow", "--after", "0"]
        process = own_log.start_afresh("--token", token, *given)
        try:
            assert process.stdout.readline().strip().startswith("1 ")
            title = Path(f"/proc/{process.pid}/cmdline").read_text()
            assert title.split("\0")[-8:-1] == given
            assert token not in title
            refused = own_log.here("rollback", "revenue", "x", LATEWOOD_SERVER=address, LATEWOOD_TOKEN=token)
            assert (refused.code, "needs role deployer" in refused.err) == (2, True)
            unknown = own_log.here("assets", LATEWOOD_SERVER=address)
            assert (unknown.code, "expected a token: set LATEWOOD_TOKEN" in unknown.err) == (2, True)
            own_log("token", "revoke", "ann")
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
        assert (process.returncode, "revoked" in err) == (2, True)
        assert token not in err + refused.err + refused.out
    assert own_log.here("assets", LATEWOOD_TOKEN="nonsense").code == 0  # it is for servers alone


def test_tokens_are_made_listed_and_revoked(flow, there):
    made = there("token", "create", "ci", "--role", "admin", "--days", "9")
    text, said = made.out.split()[0], made.out.split("\n\n")[1]
    assert re.match(r"This is token ci \(\w+\), admin of project flow-.* until .*\. It is shown this once", said)
    as_ci = {"LATEWOOD_TOKEN": text}
    assert there("token", "list", **as_ci).out == flow("token", "list")
    (told,) = json.loads(there("token", "list", "--json", **as_ci).out)["tokens"]
    (known,) = json.loads(flow("token", "list", "--json"))["tokens"]
    assert told == {name: value for name, value in known.items() if not name.endswith("_position")}
    assert "leave out --all-projects" in there("token", "create", "all", "--all-projects", **as_ci).err
    assert there("token", "revoke", "ci", **as_ci).out.endswith("lets nobody in any more.\n")
    assert "revoked" in flow("token", "list")
