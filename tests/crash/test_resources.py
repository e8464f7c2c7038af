"""Resources in runs: what tasks receive, what is recorded, what becomes stale; and secrets, which are nowhere."""

import base64
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from textwrap import dedent
from urllib.parse import quote

import pytest
from sqlalchemy import inspect, text

from crash.conftest import facts_of
from latewood.cli.again import surroundings_lines
from latewood.cli.app import run
from latewood.commands.environments import create, diff, promote
from latewood.commands.explaining import why
from latewood.commands.materializing import materialize, prepare
from latewood.commands.page import asset_page
from latewood.commands.planning import Asked
from latewood.commands.reproducing import reproduce
from latewood.commands.rerunning import rerun_of
from latewood.engine.loading.loader import load_file
from latewood.errors import UsageError
from latewood.events import ResourceConfigured, RunStatus, StepFailed, StepStarted, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify

SOURCE = """
from pathlib import Path
from latewood import *
from latewood.resources import *

class Warehouse(Resource, unkeyed=["timeout_s"]):
    url: str
    password: Secret | None = None
    timeout_s: float = 30

@asset
def orders(warehouse: Warehouse) -> str:
    return warehouse.url.rpartition("/")[2]

@asset
def count(orders: str) -> int:
    return len(orders)

@asset
def alone() -> int:
    return 1
"""


@pytest.fixture
def project(workspace, tmp_path):
    """Writes configuration and definitions, and materializes them: how many steps ran, by what the rest was."""
    return Project(workspace, tmp_path)


class Project:
    """A folder with a file of definitions and a configuration."""

    def __init__(self, workspace, folder):
        self.workspace = workspace
        self.folder = folder
        self.define(SOURCE)

    def define(self, source):
        (self.folder / "assets.py").write_text(dedent(source))

    def configure(self, toml):
        (self.folder / "latewood.toml").write_text(dedent(toml))

    def within(self, environment):
        return replace(self.workspace, environment=environment)

    def load(self, environment="prod"):
        return load_file(self.folder / "assets.py", root=self.folder, environment=environment)

    def run(self, environment="prod", selection="*", parameters=()):
        within = self.within(environment)
        asked = Asked(selection=selection, parameters=parameters)
        return materialize(within, prepare(within, self.load(environment), asked))

    def ran(self, environment="prod"):
        tally = self.run(environment).tally
        return tally.ran, tally.reused

    def rerun(self, run, root):
        home = self.folder / "home"
        again = rerun_of(self.workspace, run, only="", parameters=(), home=home, root=root)
        return materialize(again.workspace, prepare(again.workspace, again.loaded, again.asked))

    def configured(self):
        found = [fact for fact in facts_of(self.workspace.log) if isinstance(fact, ResourceConfigured)]
        return [(fact.environment, fact.values.get("url"), fact.secrets) for fact in found]

    def why(self, key, environment="prod"):
        return [(f.cause.value, f.subject, f.before, f.after) for f in why(self.within(environment), key).findings]


URL = '[resources.Warehouse]\nurl = "{}"\n'


def test_a_configuration_is_recorded_once_and_its_change_makes_stale_what_asks_for_it(project):
    project.configure(URL.format("one/db"))
    assert project.ran() == (3, 0)
    assert project.ran() == (0, 0)
    assert project.configured() == [("prod", "one/db", {})]
    project.configure(URL.format("two/db"))
    prepare(project.workspace, project.load(), Asked(selection="*"))
    assert project.why("orders") == [("configuration", "Warehouse.url", "one/db", "two/db")]
    (finding,) = why(project.workspace, "orders").findings
    (event,) = project.workspace.log.read_positions([finding.event])
    assert event.type == "resource.configured"
    assert project.why("alone") == []
    assert project.ran() == (1, 1)  # equal content: what reads it is taken as it was
    assert project.why("orders") == []
    project.configure(URL.format("one/db"))
    assert project.ran() == (0, 1)
    verify(project.workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_what_decides_no_result_makes_nothing_stale_and_is_recorded_all_the_same(project):
    project.configure(URL.format("a/b"))
    project.ran()
    project.configure(URL.format("a/b") + 'timeout_s = 5\npassword = {env = "ANY"}\n')
    assert project.ran() == (0, 0)
    assert project.configured() == [("prod", "a/b", {}), ("prod", "a/b", {"password": {"env": "ANY"}})]
    (use,) = asset_page(project.workspace, "orders")[0].definition.task.uses
    assert use.values == {"url": "a/b", "timeout_s": 5.0}


def test_environments_are_configured_each_for_itself_and_a_branch_begins_with_what_its_base_has(project):
    project.configure(URL.format("prod/one"))
    project.ran()
    create(project.workspace, "dev")
    assert project.why("orders", "dev") == []
    project.configure(URL.format("prod/one") + '[environments.dev.resources.Warehouse]\nurl = "dev/one"\n')
    assert project.ran("dev") == (1, 1)
    assert project.configured() == [("prod", "prod/one", {}), ("dev", "dev/one", {})]
    assert project.why("orders") == []
    promote(project.workspace, "dev", "prod")
    assert project.why("orders") == [("configuration", "Warehouse.url", "dev/one", "prod/one")]
    assert project.ran() == (0, 1)


def test_two_environments_with_equal_configurations_share_results(project):
    project.configure(URL.format("a/b"))
    assert project.ran() == (3, 0)
    assert project.ran("other") == (0, 3)


def test_a_promotion_brings_the_configuration_that_the_target_has_not(project):
    project.configure(URL.format("a/b") + 'password = {env = "PASSWORD"}')
    project.ran("dev")
    create(project.within("prod"), "prod", base="")
    told = diff(project.workspace, "dev", "prod").configurations
    assert [(c.resource, c.values["url"], c.is_new) for c in told] == [("Warehouse", "a/b", True)]

    promote(project.workspace, "dev", "prod")
    assert project.configured()[1:] == [("prod", "a/b", {"password": {"env": "PASSWORD"}})]
    assert project.why("orders") == []
    assert project.ran() == (0, 0)
    assert len(project.configured()) == 2
    assert diff(project.workspace, "dev", "prod").is_empty


def test_a_promotion_brings_new_fields_and_the_target_keeps_its_values(project):
    project.configure(URL.format("prod/b") + 'password = {env = "PASSWORD"}')
    project.ran()
    create(project.within("dev"), "dev")
    project.configure(URL.format("dev/b"))
    project.define(SOURCE.replace("timeout_s: float = 30", "timeout_s: float = 30\n    depth: int = 3"))
    project.ran("dev")
    promote(project.workspace, "dev", "prod")

    *_, told = [fact for fact in facts_of(project.workspace.log) if isinstance(fact, ResourceConfigured)]
    assert (told.environment, told.secrets) == ("prod", {"password": {"env": "PASSWORD"}})
    assert told.values == {"url": "prod/b", "timeout_s": 30.0, "depth": 3}
    assert project.why("orders") == [("configuration", "Warehouse.url", "dev/b", "prod/b")]


def test_a_step_says_what_it_was_started_with_and_a_given_code_version_is_no_excuse(project):
    project.define(SOURCE.replace("@asset\ndef orders", "@asset(code_version='1')\ndef orders"))
    project.configure(URL.format("a/b"))
    project.ran()
    digest = project.load().resources["Warehouse"].digest
    started = [fact for fact in facts_of(project.workspace.log) if isinstance(fact, StepStarted)]
    assert [fact.configurations for fact in started if fact.task == "assets:orders"] == [{"Warehouse": digest}]
    project.configure(URL.format("a/c"))
    prepare(project.workspace, project.load(), Asked(selection="*"))
    assert project.why("orders") == [("configuration", "Warehouse.url", "a/b", "a/c")]


def test_what_was_loaded_is_what_counts_whatever_somebody_recorded_meanwhile(project):
    """Between a deployment and its plan another process deploys with another configuration."""
    project.configure(URL.format("a/first"))
    first = project.load()

    def overtake(_deployed):
        project.configure(URL.format("a/second"))
        prepare(project.workspace, project.load(), Asked(selection="*"))

    result = materialize(project.workspace, prepare(project.workspace, first, Asked(selection="*"), report=overtake))
    assert result.status is RunStatus.SUCCEEDED
    assert project.why("orders") == [("configuration", "Warehouse.url", "a/first", "a/second")]


CHECKED = """
class Limits(Resource):
    most: int = 5

@check(count, blocking=True)
def few(count: int, limits: Limits) -> bool:
    return count <= limits.most
"""


def test_a_check_is_asked_again_when_its_resource_is_configured_otherwise(project):
    project.define(SOURCE + CHECKED)
    project.configure(URL.format("a/b"))
    assert project.run().tally.refused == 0
    project.configure(URL.format("a/b") + "[resources.Limits]\nmost = 0\n")
    assert project.run().tally.refused == 1


# ── again ────────────────────────────────────────────────────────────────────────────────────────────────


SHAPES = """
from datetime import timedelta
from latewood import *
from latewood.resources import *

class Shop(Resource, unkeyed=["wait"]):
    url: str
    regions: set[str] = set()
    most: float = float("inf")
    wait: timedelta = timedelta(seconds=3)
    data: Path = Path("data")
    password: Secret = Secret(env="NONE")

@asset(reuse=timedelta(seconds=0))
def told(shop: Shop) -> str:
    return f"{shop.url} {sorted(shop.regions)} {shop.most} {shop.wait} {shop.data.name} {shop.password!r}"
"""


@pytest.mark.parametrize("elsewhere", [True, False], ids=["from elsewhere", "from an edited project"])
def test_a_rerun_has_what_the_environment_recorded_and_configures_nothing(project, elsewhere):
    project.define("from pathlib import Path\n" + SHAPES)
    toml = '[resources.Shop]\nurl = "a/b"\nregions = ["us", "eu"]\nwait = 5\npassword = {env = "PATH"}\n'
    project.configure(toml)
    run = project.run().run
    root = project.folder
    if elsewhere:
        root = project.folder / "elsewhere"
        root.mkdir()
    else:
        project.configure(toml.replace("a/b", "today") + '[locations."assets.py"]\nlock = "nope.txt"\n')
    again = project.rerun(run, root)
    assert (again.tally.ran, again.tally.failed) == (1, 0)
    assert project.configured() == [("prod", "a/b", {"password": {"env": "PATH"}})]
    made = {fact.outputs[0].data_version for fact in facts_of(project.workspace.log) if isinstance(fact, StepSucceeded)}
    assert len(made) == 1


def test_a_reproduction_has_the_configuration_of_then_and_says_what_it_is_by_now(project):
    project.define("from pathlib import Path\n" + SHAPES)
    project.configure('[resources.Shop]\nurl = "a/b"\nregions = ["us", "eu"]\n')
    run = project.run().run
    home, folder = project.folder / "home", project.folder
    assert reproduce(project.workspace, run, home=home, root=folder, force=True).surroundings.configurations == ()
    project.configure('[resources.Shop]\nurl = "today"\n')
    project.run()
    project.configure("[resources.Shop]\nnothing = it = can = read")
    found = reproduce(project.workspace, run, home=home, root=folder, force=True)
    assert found.is_identical
    assert found.surroundings.configurations == ("Shop",)
    assert surroundings_lines(found.surroundings) == ["other now: the configuration of Shop; it ran with that of then"]


def test_a_rerun_has_the_configuration_that_came_with_a_promotion(project):
    project.configure(URL.format("a/b"))
    run = project.run("dev").run
    project.define(SOURCE.replace("Warehouse", "Store"))
    project.configure(URL.format("c/d").replace("Warehouse", "Store"))
    project.run("lab")
    promote(project.workspace, "lab", "dev", force=True)
    project.configure(URL.format("today").replace("Warehouse", "Store"))
    again = project.rerun(run, project.folder)
    assert (again.tally.failed, project.configured()[-1][:2]) == (0, ("dev", "c/d"))


# ── opening and closing ──────────────────────────────────────────────────────────────────────────────────

OPENED = """
from pathlib import Path
from latewood import *
from latewood.resources import *

def said(text):
    with Path(__file__).with_name("said").open("a") as file:
        file.write(f"{text}\\n")

class Outer(Resource):
    fails: str = ""
    _times: int = 0

    def __enter__(self):
        self._times += 1
        said("open outer")
        if self.fails == "enter" or (self.fails == "once" and self._times == 1):
            raise ConnectionError("nobody answers")
        return "something else"

    def __exit__(self, *_):
        said("close outer")
        if self.fails == "exit":
            raise OSError("still in use")

class Inner(Resource):
    def __enter__(self):
        said("open inner")

    def __exit__(self, *_):
        said("close inner")

class Idle(Inner): ...

@asset(retries=1)
def a(outer: Outer) -> int:
    said(f"a {type(outer).__name__}")
    return 1

@asset
def b(a: int, outer: Outer, inner: Inner) -> int:
    said("b")
    return a

@asset
def c() -> int:
    return 1

@asset(reuse=False)
def unselected(idle: Idle) -> int:
    return 1
"""


def opened(project, fails=""):
    """How a run ended, and what was said in it."""
    project.define(OPENED)
    project.configure(f'[resources.Outer]\nfails = "{fails}"\n')
    result = project.run(selection="a or b or c")
    return result, (project.folder / "said").read_text().splitlines()


def test_a_context_manager_is_entered_once_a_run_when_it_is_asked_for_and_left_in_reverse(project):
    result, said = opened(project)
    assert said == ["open outer", "a Outer", "open inner", "b", "close inner", "close outer"]
    assert result.unclosed == {}


def test_one_that_cannot_be_entered_is_the_failure_of_who_asked_for_it(project):
    result, said = opened(project, "enter")
    assert (result.tally.ran, result.tally.failed, result.tally.skipped) == (1, 1, 1)
    assert said == ["open outer"] * 2
    failed = [fact for fact in facts_of(project.workspace.log) if isinstance(fact, StepFailed)]
    assert {(fact.failure.error, fact.failure.message) for fact in failed} == {("ConnectionError", "nobody answers")}
    assert "latewood/engine" not in failed[0].failure.traceback


def test_entering_is_tried_again_with_the_step(project):
    result, said = opened(project, "once")
    assert result.status is RunStatus.SUCCEEDED
    assert said == ["open outer", "open outer", "a Outer", "open inner", "b", "close inner", "close outer"]


def test_one_that_cannot_be_left_is_told_and_hides_nothing(project):
    result, said = opened(project, "exit")
    assert result.status is RunStatus.SUCCEEDED
    assert said[-2:] == ["close inner", "close outer"]
    assert result.unclosed["Outer"].message == "still in use"


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────

PLANTED = "Tr0ub4dor&3/ünï"
LEAKY = """
import base64, logging, os, sys
from urllib.parse import quote
import pyarrow as pa
from latewood import *
from latewood.resources import *

class Vault(Resource):
    token: Secret = Secret(env="PLANTED_TOKEN")

    def __exit__(self, *_):
        raise OSError(self.token.reveal())

    def __enter__(self):
        return self

@asset(retries=1)
def talks(vault: Vault, context: Context) -> Output[int]:
    token = vault.token.reveal()
    for letter in token:
        print(letter, end="", file=sys.stderr)
    print(token, quote(token), base64.b64encode(f"me:{token}".encode()).decode(), repr(vault), f"{vault.token}")
    logging.getLogger("leaky").warning("token %s", token)
    context.log.error("token %s", [token])
    context.add_metadata(token=token, deep={token: [token]}, header=base64.b64encode(token.encode()).decode())
    if context.attempt == 1:
        raise ConnectionError(f"refused: {token}")
    return Output(1, metadata={"quoted": quote(token, safe="")})

@asset
def never_revealed() -> int:
    print(os.environ["PLANTED_TOKEN"])
    raise KeyError(os.environ["PLANTED_TOKEN"])

@asset
def chained(vault: Vault) -> int:
    try:
        raise ValueError(vault.token.reveal())
    except ValueError as error:
        raise RuntimeError("second") from error

@asset
def returns_text(vault: Vault) -> str:
    return f"my {vault.token.reveal()}"

@asset
def returns_table(vault: Vault) -> pa.Table:
    return pa.table({"rows": [vault.token.reveal() * 10] * 1000})

@asset
def returns_column(vault: Vault) -> pa.Table:
    return pa.table({vault.token.reveal(): [1]})

@asset
def versions(vault: Vault) -> Output[int]:
    return Output(1, data_version=vault.token.reveal())

@asset
def wrong_type(vault: Vault) -> int:
    return vault.token.reveal()

@check(talks)
def judged(talks: int, vault: Vault) -> CheckResult:
    print(vault.token.reveal())
    return CheckResult(False, metadata={"t": vault.token.reveal()}, message=vault.token.reveal())

@check(talks)
def raises(talks: int, vault: Vault) -> bool:
    raise ValueError(vault.token.reveal())

@task
def fails(size: int, vault: Vault) -> int:
    raise ValueError(vault.token.reveal())

@task
def tell(failure: WorkflowFailure, vault: Vault) -> None:
    print(failure.steps[0].message)
    raise ValueError(vault.token.reveal())

@workflow(on_failure=tell)
def flow(size: int = 1) -> int:
    return fails(size)

@asset
def idle(*, text: str = "") -> str:
    return text
"""
SHARED = """
from latewood.sharing import task_ref
dies = task_ref("lib.py:dies").asset(key="dies")
"""
DYING = """
import os
from latewood import task
from latewood.resources import Resource, Secret

class Vault(Resource):
    token: Secret = Secret(env="PLANTED_TOKEN")

@task
def dies(vault: Vault) -> int:
    os.write(2, vault.token.reveal().encode())
    os._exit(3)
"""


@pytest.fixture
def latewood(project, environ, monkeypatch):
    """What a command prints on both streams, in the folder."""
    for name in ("LATEWOOD_DATABASE_URL", "LATEWOOD_STORE", "LATEWOOD_HOME"):
        monkeypatch.setenv(name, environ[name])
    monkeypatch.setenv("COLUMNS", "4000")
    monkeypatch.chdir(project.folder)

    def command(*arguments):
        shown = io.StringIO()
        with redirect_stdout(shown), redirect_stderr(shown):
            run(arguments)
        return shown.getvalue()

    return command


def forms(secret):
    """How a secret could be met again."""
    raw = secret.encode()
    yield from (secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1])
    for before in (b"", b"m", b"me", b"me:"):
        yield base64.b64encode(before + raw).decode().rstrip("=")[4:-3]
    yield secret[3:-3]


def test_a_planted_secret_is_in_no_table_no_artifact_and_no_output(project, latewood, monkeypatch):
    monkeypatch.setenv("PLANTED_TOKEN", PLANTED)
    (project.folder / "lib.py").write_text(DYING)
    output = [latewood("deploy", "-f", "lib.py")]
    project.define(LEAKY + SHARED)
    output += [latewood("materialize", "*", "-f", "assets.py")]
    output += [latewood("materialize", "*", "--param", f"idle.text=x{PLANTED}", "-f", "assets.py")]
    (run,) = json.loads(latewood("runs", "--json"))
    output += [
        latewood("run", run["run"], "--all"),
        latewood("run", run["run"], "--json"),
        latewood("logs", run["run"]),
    ]
    for key in (
        "talks",
        "chained",
        "returns_text",
        "returns_table",
        "returns_column",
        "wrong_type",
        "versions",
        "dies",
    ):
        output += [latewood("why", key), latewood("asset", key, "--json"), latewood("asset", key)]
    output += [latewood("log", "tail", "--after", "0", "--json"), latewood("plan", "*", "-f", "assets.py")]

    with project.workspace.log.engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        rows = [row for name in tables for (row,) in connection.execute(text(f'SELECT t::text FROM "{name}" t'))]
    files = [path.read_bytes() for path in (project.folder / "store").rglob("*") if path.is_file()]
    assert len(tables) > 10
    assert len(rows) > 100
    assert len(files) > 3
    for form in forms(PLANTED):
        assert not [row for row in rows if form in row]
        assert not [file for file in files if form.encode() in file]
        assert not [shown for shown in output if form in shown]
    shown = "".join(output)
    assert shown.count("[secret PLANTED_TOKEN]") > 50
    assert "found the value of secret PLANTED_TOKEN" in shown
    assert "resource Vault could not be closed: OSError: [secret PLANTED_TOKEN]" in shown
    assert "parameter idle.text: expected what may be recorded, found the value of a secret" in shown


def test_a_secret_that_cannot_be_read_is_the_failure_of_the_step_that_reveals_it(project):
    project.define(LEAKY)
    tally = project.run(selection="returns_text or idle").tally
    assert (tally.ran, tally.failed) == (1, 1)
    (failed,) = [fact.failure for fact in facts_of(project.workspace.log) if isinstance(fact, StepFailed)]
    message = "secret PLANTED_TOKEN: expected a value in environment variable PLANTED_TOKEN, found none"
    assert (failed.error, failed.message) == ("SecretUnavailable", message)


def test_a_value_of_a_parameter_that_is_a_secret_is_refused_before_anything_is_recorded(project, monkeypatch):
    monkeypatch.setenv("PLANTED_TOKEN", PLANTED)
    project.define(LEAKY)
    before = len(facts_of(project.workspace.log))
    with pytest.raises(UsageError, match=r"parameter idle\.text: expected what may be recorded"):
        project.run(selection="idle", parameters=(f"idle.text={PLANTED}",))
    assert not [fact for fact in facts_of(project.workspace.log)[before:] if PLANTED in str(fact)]
