"""Locations that latewood.toml lists, each with a Python, packages, a directory and variables of its own."""

import json
import re
import signal
import sys
import sysconfig
import time
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from forked_workers import ForkedWorkers
from forks import Forks, forks

from crash.test_venvs import HERE, wheel
from e2e.shell import shell_in
from latewood.engine.running import worker_process

LISTED = """
[locations.shop]
file = "shop/assets.py"
python = "{shop}"

[locations.lab]
file = "lab/assets.py"
python = "{lab}"
directory = "lab/work"
environment = {{REGION = "eu"}}
env_file = "lab/.env"
"""
SHOP = """
import answers
from latewood import asset, task

@task
def scale(rows: list[int], *, factor: int = 2) -> list[int]:
    return [row * factor + answers.N for row in rows]

@asset
def numbers() -> list[int]:
    return [1, answers.N]
"""
LAB = """
import os
from pathlib import Path
import answers
from latewood import asset
from latewood.sharing import task_ref

@asset
def total(numbers: list[int]) -> str:
    return f"{sum(numbers)} with {answers.N} in {Path.cwd().name} of {os.environ['REGION']}, {len(os.environ['TOKEN'])}"

scaled = task_ref("shop:scale").asset(key="scaled", inputs={"rows": "numbers"})
"""


def python_with(folder, *wheels, path=HERE):
    """The Python of a virtual environment that imports from this path, and has these wheels."""
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "here.pth").write_text(path)
    for file in wheels:
        with ZipFile(file) as archive:
            archive.extractall(packages)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def pythons(tmp_path_factory):
    """Two environments with other versions of one package."""
    folder = tmp_path_factory.mktemp("environments")
    for answer, version in ((42, "1.0"), (7, "2.0")):
        wheel(folder, "answers", {"answers.py": f"N = {answer}\n"}, version)
    return {
        name: python_with(folder / name, folder / f"answers-{version}-py3-none-any.whl")
        for name, version in (("shop", "1.0"), ("lab", "2.0"))
    }


@pytest.fixture(scope="module")
def forked(pythons, environ):
    """Forks of processes of both Pythons that have imported Latewood."""
    return {python: Forks(str(python), environ).fork for python in pythons.values()}


@pytest.fixture
def project(shell, pythons, forked, monkeypatch):
    """Both locations, with nothing deployed; what is run in this process has forks for workers."""
    by_python = ForkedWorkers(lambda *asked: forks().fork(*asked), forked)
    monkeypatch.setattr(worker_process, "subprocess", by_python)
    for folder in ("shop", "lab/work"):
        (shell.folder / folder).mkdir(parents=True)
    shell.write("latewood.toml", LISTED.format(**pythons))
    shell.write("shop/assets.py", SHOP)
    shell.write("lab/assets.py", LAB)
    shell.write("lab/.env", "# for the lab alone\nTOKEN='planted-value'\n")
    return shell


def names(shell):
    """The deployment of each location now."""
    listed = json.loads(shell("deployments", "--json"))["deployments"]
    return {found["location"]: found["deployment"] for found in listed if found["environments"]}


def test_two_locations_with_conflicting_packages_work_side_by_side(project):
    assert project("deploy").splitlines() == ["shop is deployed to prod: 1 asset", "lab is deployed to prod: 2 assets"]
    before = names(project)
    assert project("plan", "*").splitlines()[-1].startswith("3 run")
    made = project.here("materialize", "*")
    assert (made.code, made.out.count("is up to date with its inputs")) == (0, 2), made.out + made.err
    assert '"43 with 7 in work of eu, 13"' in project("show", "total")
    assert "[44, 126]" in project("show", "scaled"), "by the packages of the location whose task it is"
    assert "3 fresh" in project("plan", "*")
    (run,) = re.findall(r"run (\w+)  2 steps", made.err)
    again = project.here("rerun", run)
    assert (again.code, "0 run, 2 reused" in again.out) == (0, True), "by its Python, not by ours"
    assert names(project) == before

    project.write("shop/assets.py", SHOP.replace("[1,", "[2,"))
    assert "numbers would be stale once shop is deployed" in project("why", "numbers", "--location", "shop")
    project("deploy", "shop")
    assert {name for name, found in names(project).items() if before[name] != found} == {"shop"}
    assert project.here("materialize", "numbers", "--location", "shop").code == 0
    assert "numbers" in project("why", "total")
    project.write("shop/assets.py", SHOP.replace("-> list[int]:\n    return [1", "-> list[str]:\n    return [1"))
    told = project.here("deploy", "shop")
    assert "total of lab expects list[int] of numbers, which produces list[str]" in told.err
    assert project.here("deploy", "lab").code == 3
    assert "planted-value" not in project("log", "tail", "--after", "0", "--json")


def test_a_run_of_all_of_them_is_left_to_an_engine_which_runs_each_by_its_python(project):
    (run,) = re.findall(r"run (\w+): 3 steps asked for", project("materialize", "*", "--detach"))
    with project.start("engine", "--lease", "1") as engine:
        try:
            assert "succeeded: 3 run" in project("run", run, "--follow")
        finally:
            engine.kill()
    assert '"43 with 7 in work of eu, 13"' in project("show", "total"), "what reads waits for what it reads"
    assert "[44, 126]" in project("show", "scaled")
    assert "3 fresh" in project("plan", "*")


SEEN = """
import os
from pathlib import Path
import answers
from latewood import asset, check
from latewood.external import DataVersion, external_asset, observe
from latewood.io import Json

feed = external_asset("feed")
told = external_asset("told", io=Json("told.json"), type=list[int])

@observe(feed)
def look() -> DataVersion:
    print("looked with", answers.N)
    return DataVersion(f"{answers.N} in {Path.cwd().name} of {os.environ['REGION']}")

@check(told, blocking=True)
def enough(told: list[int]) -> bool:
    return len(told) > answers.N
"""


def test_what_others_make_is_looked_at_by_its_own_python_too(project):
    project.write("lab/assets.py", SEEN)
    project.write("told.json", "[1, 2]")
    done = project.here("observe", "feed", "--location", "lab", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [seen["data_version"] for seen in told["observed"]] == ["given:7 in work of eu"]
    assert "looked with 7" in project("logs", told["observation"])
    refused = project.here("observe", "told", "--json")
    assert (refused.code, json.loads(refused.out)["not_passed"][0]["check"]) == (1, "enough")
    project.write("lab/assets.py", SEEN.replace("return DataVersion(", "os._exit(3)\n    return DataVersion("))
    (failed,) = json.loads(project.here("observe", "feed", "--json").out)["failed"]
    assert "code 3" in failed["message"]
    nothing = project.here("observe", "numbers", "--location", "lab")
    assert nothing.code == 2


def test_what_cannot_be_loaded_is_left_as_it_is_deployed_and_the_others_are_deployed(project):
    project("deploy")
    before = names(project)
    project.write("shop/assets.py", "import answers\nimport nowhere\n")
    project.write("lab/assets.py", LAB.replace("sum(numbers)", "max(numbers)"))
    done = project.here("deploy", "--json")
    assert done.code == 3
    told = json.loads(done.out)
    assert [found["location"] for found in told["locations"]] == ["lab"], "it reads what is deployed of the other"
    (refused,) = told["refused"]
    (error,) = refused["errors"]
    assert (refused["location"], error["file"], error["line"]) == ("shop", "shop/assets.py", 2)
    missing = "cannot be imported: ModuleNotFoundError: No module named 'nowhere'; install it for "
    assert error["message"].startswith(missing)
    assert "shop is left as it is deployed:\n  shop/assets.py:2: cannot be imported" in done.err
    assert {name for name, found in names(project).items() if before[name] == found} == {"shop"}
    refused = project.here("materialize", "*")
    assert (refused.code, "Nothing was deployed" in refused.err) == (3, True), "what is made is made of all"


@pytest.mark.parametrize(
    "command", [("plan", "*"), ("materialize", "*"), ("materialize", "*", "--detach")], ids=" ".join
)
def test_what_is_wrong_with_any_of_them_is_told_at_once(project, pythons, command):
    project("deploy")
    listed = LISTED.format(**pythons).replace("lab/work", "lab/none")
    project.write(
        "latewood.toml", f'{listed}\n[locations.desk]\nfile = "desk.py"\n[locations.attic]\nfile = "attic.py"\n'
    )
    project.write("shop/assets.py", "import answers\nimport nowhere\n")
    project.write(
        "attic.py", "from latewood import asset\n\n@asset\ndef old(numbers: list[int]) -> int:\n    return 1\n"
    )
    project.write("desk.py", "from latewood import asset\n\n@asset\ndef unknown(nothing: int) -> int:\n    return 1\n")
    done = project.here(*command)
    places = re.findall(r"(\S+:\d+): ", done.err)
    assert (done.code, places) == (3, ["latewood.toml:9", "desk.py:3", "shop/assets.py:2"]), done.err
    assert "3 errors. Nothing was deployed." in done.err, "attic.py reads what is deployed of the shop"


def test_a_python_that_cannot_load_it_is_one_error_at_its_line(project, pythons, tmp_path):
    bare = python_with(tmp_path / "bare", path="")
    other = tmp_path / "other"
    (other / "latewood/engine/running").mkdir(parents=True)
    (other / "latewood/__init__.py").touch()
    (other / "latewood/engine/running/worker.py").write_text(
        """print('{"type": "Hello", "latewood": "9.9"}', flush=True)"""
    )
    newer = python_with(tmp_path / "newer", path=str(other))
    for python, why in (
        (bare, f"it has no Latewood; install the one that you run into it: {bare} -m pip install latewood=="),
        (newer, "its Latewood is 9.9, and the one that you run is "),
        ("/bin/true", "the process ended with code 0"),
        (tmp_path / "none", f'python: no such command or file: "{tmp_path / "none"}"'),
    ):
        project.write("latewood.toml", LISTED.format(shop=python, lab=pythons["lab"]))
        done = project.here("deploy", "shop")
        assert done.code == 3, done.err
        assert done.err.startswith("error: latewood.toml:4: [locations.shop] "), done.err
        assert why in done.err
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('file = "shop', 'fil = "shop', 'latewood.toml:3: [locations.shop] no setting "fil"; near: file'),
        ("shop/assets", "shop/none", "[locations.shop] file: expected a Python file below"),
        ("lab/assets", "shop/assets", "[locations.shop] the same code as [locations.lab]; a file is one location"),
        ('file = "shop', 'module = "x"\nfile = "shop', "[locations.shop] expected file or module, found both"),
        ("[locations.shop]", '[locations."a:b"]', '[locations."a:b"] expected a name without colons'),
        ("lab/work", "lab/none", "latewood.toml:9: [locations.lab] directory: expected a folder below"),
        ('REGION = "eu"', "REGION = 3", '[locations.lab] environment: expected texts by name, as in {REGION = "eu"}'),
        ("REGION =", "LATEWOOD_ENV =", "[locations.lab] environment: LATEWOOD_ENV: expected a name of letters"),
        ("lab/.env", "lab/env", "latewood.toml:11: [locations.lab] env_file: lab/env: No such file or directory"),
        ("lab/.env", "lab/assets.py", "[locations.lab] env_file: lab/assets.py:2: expected NAME=VALUE"),
    ],
)
def test_settings_that_cannot_be_are_told_at_their_line(project, pythons, before, after, message):
    ours = dict.fromkeys(pythons, sys.executable)
    project.write("latewood.toml", LISTED.format(**ours).replace(before, after, 1))
    done = project.here("deploy")
    assert (done.code, message in done.err) == (3, True), done.err
    assert "planted-value" not in done.err


def test_a_name_that_is_not_listed_is_a_slip(project):
    done = project.here("deploy", "shopp")
    assert (done.code, f'no location "shopp" in {project.folder}/latewood.toml; near: shop' in done.err) == (2, True)
    both = project.here("why", "numbers", "--location", "shop", "-f", "shop/assets.py")
    assert (both.code, "expected --location, -f or -m, found both" in both.err) == (2, True)


def test_a_variable_that_is_set_no_more_fails_the_steps_of_who_was_deployed_with_it(project):
    project("deploy")
    assert project.here("materialize", "numbers", "--location", "shop").code == 0
    run = json.loads(project("materialize", "total", "--location", "lab", "--json"))["run"]
    project.write("lab/.env", "")
    again = project.here("reproduce", run)
    assert "was deployed with the environment variable TOKEN, which [locations.lab] in" in again.err
    assert project.here("materialize", "total", "--location", "lab", "--force").code == 1, "deployed anew, without it"


def test_a_file_that_gets_a_name_is_the_same_assets(shell):
    shell.write("a.py", "from latewood import asset\n\n@asset\ndef one() -> int:\n    return 1\n")
    shell.here("materialize", "*", "-f", "a.py")
    shell.write("latewood.toml", '[locations.first]\nfile = "a.py"\n')
    planned = shell.here("plan", "*", "-f", "a.py")
    assert (planned.code, "0 run, 0 maybe, 0 reuse, 1 fresh" in planned.out) == (0, True), planned.err
    done = shell.here("deploy")
    assert (done.out, done.err) == ("first is deployed to prod: 1 asset\n", "")
    assert shell.here("deploy").out == done.out
    (one,) = json.loads(shell.here("assets", "--json").out)["assets"]
    assert (one["location"], one["status"]) == ("first", "fresh")
    assert "0 run, 1 reused" in shell.here("materialize", "*").out


ALL_KINDS = """
from datetime import timedelta
from latewood import *
from latewood.mapping import each

@asset
def one(*, size: int = 1) -> Output[int]:
    return Output(size, metadata={"seen": 3})

@asset(partitions=Static([f"p{n}" for n in range(8)]), retries=Retry(1, backoff=timedelta(0)))
def parts(one: int, key: PartitionKey) -> int:
    if key in ("p3", "p4") and one == 1:
        raise ValueError("no such part")
    return one + int(key[1:])

@check(parts)
def small(parts: int) -> CheckResult:
    return CheckResult(passed=parts > 3, message="too small", metadata={"found": parts})

@check(one, blocking=True)
def odd(one: int) -> bool:
    return one != 2

@asset
def last(parts: Partitioned[int]) -> int:
    return 1

@task
def numbers(*, size: int = 3) -> list[int]:
    return list(range(size))

@task(retries=0)
def halved(number: int) -> float:
    return 1 / number

@task
def told(failure: WorkflowFailure) -> None:
    print("heard")

@workflow(on_failure=told)
def flow(*, size: int = 3) -> list[float]:
    return halved.map(number=each(numbers(size=size)))
"""


def said_by(shell, *arguments):
    """What a command says and ends with, but for ids, times and positions; elsewhere steps go on side by side."""
    done = shell.here(*arguments)
    texts = [re.sub(r"[\d.]+ (ms|s)\b", "TIME", text) for text in (done.out, done.err)]
    texts = [re.sub(r"\b[0-9a-z]{12}\b", "RUN", re.sub(r'(position"?:?) [\d,]+', r"\1 N", text)) for text in texts]
    told, meanwhile = (re.sub(" +", " ", text).splitlines() for text in texts)
    return done.code, told if "--json" in arguments else sorted(told), sorted(meanwhile)


def test_whatever_runs_a_location_what_is_told_is_the_same(environ, tmp_path):
    told = []
    for name, setting in (("here", ""), ("apart", 'directory = "code"\n')):
        (tmp_path / name / "code").mkdir(parents=True)
        shell = shell_in(environ, tmp_path / name, f"told-{name}")
        shell.write("code/all.py", ALL_KINDS)
        shell.write("latewood.toml", f'[locations.all]\nfile = "code/all.py"\n{setting}')
        assert shell.here("deploy").code == 0
        commands = [
            ("plan", "*"),
            ("materialize", "*"),
            ("materialize", "*", "--json"),
            ("materialize", "one", "--force", "--json"),
            ("materialize", "one"),
            ("materialize", "one", "--json"),
            ("materialize", "parts", "--partition", "p1..p4", "--force", "-q"),
            ("plan", "parts", "--json"),
            ("launch", "flow", "--param", "size=4", "--force", "--json"),
            ("materialize", "status:failed", "--strict"),
            ("materialize", "+last", "--param", "one.size=2"),
            ("materialize", "+last", "--param", "one.size=2", "--json"),
            ("materialize", "+last", "--param", "one.size=3", "--json"),
        ]
        told.append([(command, said_by(shell, *command)) for command in commands])
        head = json.loads(shell("why", "one", "--json"))["head"]
        shell("retract", head["version"], "--reason", "wrong")
        told[-1].append(("retracted", said_by(shell, "materialize", "one", "--force", "--json")))
    for (command, here), (_, apart) in zip(*told, strict=True):
        assert apart == here, command


SECRET = """
import os, signal, time
from pathlib import Path
from latewood import asset
from latewood.resources import Resource
from latewood.secrets import Secret

class Shop(Resource):
    token: Secret

@asset(reuse=False, retries=0)
def told(shop: Shop) -> int:
    print("the token is", shop.token.reveal(), flush=True)
    Path("begun").touch()
    while Path("../stay").exists():
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)
"""
LISTED_SECRET = """
[locations.lab]
file = "lab/assets.py"
directory = "lab"
env_file = "lab/.env"

[resources.Shop]
token = {env = "TOKEN"}
"""


@pytest.fixture
def telling(shell):
    """A location that prints the secret that its file of variables sets, and is killed."""
    (shell.folder / "lab").mkdir()
    shell.write("latewood.toml", LISTED_SECRET)
    shell.write("lab/assets.py", SECRET)
    shell.write("lab/.env", "TOKEN=planted-value\n")
    return shell


def test_a_secret_in_its_variables_is_replaced_also_where_its_process_is_killed(telling):
    failed = telling.here("materialize", "*", "--location", "lab")
    assert failed.code == 1
    (run,) = re.findall(r"See `latewood run (\w+)`", failed.out)
    printed = telling("logs", run, "0")
    assert "the token is" in printed
    assert "planted-value" not in printed + failed.out + failed.err + telling("log", "tail", "--after", "0", "--json")


def test_an_interrupt_cancels_what_its_workers_run(telling):
    telling.write("stay", "")
    process = telling.start("materialize", "*", "--location", "lab")
    deadline = time.monotonic() + 60
    while not (telling.folder / "lab/begun").exists():
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "Cancelled; what was finished is kept." in out) == (130, True), out + err
    (run,) = json.loads(telling("runs", "--json"))
    assert run["status"] == "cancelled"
