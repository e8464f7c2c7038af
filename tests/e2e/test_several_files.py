"""Assets in several files: each belongs to the file that defines it, however the others come by it."""

import json
import re
import shlex

import pytest

ORDERS = """
from latewood import asset, check

@asset
def orders() -> list[int]:
    return {orders}

@check(orders, blocking=True)
def some(orders: list[int]) -> bool:
    return len(orders) > 0
"""

REPORT = """
from latewood import asset
from orders import orders, some

@asset
def report(orders: list[int]) -> int:
    return sum(orders)

@asset(inputs={"sold": orders})
def largest(sold: list[int]) -> int:
    return max(sold)
"""


@pytest.fixture
def shop(shell):
    shell.write("orders.py", ORDERS.format(orders="[1, 2]"))
    shell.write("report.py", REPORT)
    return shell


def assets(shell, **env):
    """Location and status by asset."""
    listed = json.loads(shell("assets", "--json"))["assets"]
    return {found["key"]: (found["location"], found["status"]) for found in listed}


def test_a_file_alone_has_what_it_imports(shop):
    assert "3 run, 0 reused" in shop("materialize", "*", "-f", "report.py")
    assert {location for location, _ in assets(shop).values()} == {"report.py"}


def test_one_file_after_the_other_each_has_its_own(shop):
    shop("materialize", "*", "-f", "orders.py")
    assert "2 run, 0 reused" in shop("materialize", "*", "-f", "report.py")
    owned = {"orders": ("orders.py", "fresh"), "report": ("report.py", "fresh"), "largest": ("report.py", "fresh")}
    assert assets(shop) == owned

    shop.write("orders.py", ORDERS.format(orders="[1, 2, 3]"))
    assert "1 run, 0 reused" in shop("materialize", "*", "-f", "orders.py")
    assert "2 run, 0 reused" in shop("materialize", "*", "-f", "report.py")
    assert assets(shop) == owned


def test_both_at_once_in_whatever_order_they_are_named(shop):
    planned = shop.here("plan", "*", "-f", "report.py", "-f", "orders.py")
    assert "3 run, 0 maybe, 0 reuse, 0 fresh" in planned.out
    done = shop.here("materialize", "*", "-f", "report.py", "-f", "orders.py")
    assert done.code == 0
    assert [line for line in done.out.splitlines() if line.endswith(":")] == ["orders.py:", "report.py:"]
    assert "left out" not in done.out + done.err
    assert "0 run, 1 reused" in (again := shop("materialize", "*", "-f", "orders.py", "-f", "report.py"))
    assert "0 run, 2 reused" in again
    assert "0 run, 2 reused" in shop("materialize", "*", "-f", "report.py")  # what it deploys alone is the same
    assert shop.here("plan", "*", "-f", "orders.py", "-f", "report.py").out.count("fresh") == 4


def test_what_was_taken_in_goes_to_the_file_that_defines_it_when_both_are_given(shop):
    shop("materialize", "*", "-f", "report.py")
    refused = shop.here("materialize", "*", "-f", "orders.py")
    assert refused.code == 3
    assert "deploy both at once, `latewood deploy -f FILE -f FILE`" in refused.err
    done = shop.here("deploy", "-f", "orders.py", "-f", "report.py")
    assert (done.code, done.err) == (0, "")
    assert assets(shop)["orders"] == ("orders.py", "fresh")
    assert "0 run, 1 reused" in shop("materialize", "*", "-f", "orders.py")


def test_a_selection_of_one_of_them_is_run_there_and_one_of_none_is_refused(shop):
    blocked = shop.here("materialize", "report", "-f", "orders.py", "-f", "report.py")
    assert (blocked.code, "orders" in blocked.err) == (2, True)
    assert "orders" in shop("materialize", "+report", "-f", "orders.py", "-f", "report.py")
    assert assets(shop)["report"] == ("report.py", "fresh")
    refused = shop.here("materialize", "reprot", "-f", "orders.py", "-f", "report.py")
    assert (refused.code, "near: report" in refused.err) == (2, True)


def test_what_reads_of_a_file_that_failed_is_left_out(shop):
    shop.write("orders.py", ORDERS.format(orders="[]"))
    shop.write("other.py", "from latewood import asset\n\n@asset\ndef other() -> int:\n    return 1\n")
    done = shop.here("materialize", "*", "-f", "report.py", "-f", "orders.py", "-f", "other.py")
    assert done.code == 1
    assert "left out: report.py, which reads what orders.py could not make" in done.err
    assert assets(shop)["other"] == ("other.py", "fresh")


def test_two_files_that_import_a_third_ones_assets(shop):
    shop.write(
        "more.py",
        "from latewood import asset\nfrom orders import orders\n\n"
        "@asset\ndef more(orders: list[int]) -> int:\n    return len(orders)\n",
    )
    shop("materialize", "*", "-f", "report.py", "-f", "more.py", "-f", "orders.py")
    assert {key: location for key, (location, _) in assets(shop).items()} == {
        "orders": "orders.py",
        "report": "report.py",
        "largest": "report.py",
        "more": "more.py",
    }


SCALE = """
from latewood import asset, task

@task
def scale(rows: list[int], *, factor: int = 2) -> list[int]:
    return [row * factor for row in rows]

@asset
def base() -> int:
    return 1
"""
SCALED = """
from latewood import asset
from latewood.sharing import task_ref

scale = task_ref("a.py:scale")

@asset
def rows(base: int) -> list[int]:
    return [base, 2]

scaled = scale.asset(key="scaled", inputs={"rows": rows}, parameters={"factor": 3})
"""
BOTH = ("-f", "b.py", "-f", "a.py")


@pytest.fixture
def sharing(shell):
    shell.write("a.py", SCALE)
    shell.write("b.py", SCALED)
    return shell


@pytest.mark.parametrize("files", [BOTH, BOTH[2:] + BOTH[:2]], ids=["b, a", "a, b"])
def test_a_task_is_there_in_any_order(sharing, files):
    assert "3 run, 0 maybe, 0 reuse, 0 fresh" in sharing("plan", "*", *files)
    done = sharing.here("materialize", "*", *files)
    assert (done.code, done.out.count("1 run, 0 reused"), done.out.count("2 run, 0 reused")) == (0, 1, 1)
    assert sharing("show", "scaled").endswith("[3, 6]\n")


def test_a_plan_reckons_with_the_task_as_its_file_has_it_now(sharing):
    sharing("materialize", "*", *BOTH)
    sharing.write("a.py", SCALE.replace("row * factor", "row + factor"))
    planned = sharing("plan", "*", *BOTH)
    assert "1 run, 0 maybe, 0 reuse, 2 fresh" in planned
    assert "shared task a.py:scale was deployed from another version" in planned
    alone = sharing("plan", "*", "-f", "b.py")  # what is deployed is still the earlier one
    assert "0 run, 0 maybe, 0 reuse, 2 fresh" in alone
    assert "1 run, 1 reused" in sharing("materialize", "*", *BOTH)
    assert sharing("show", "scaled").endswith("[4, 5]\n")
    assert "0 run, 0 maybe, 0 reuse, 3 fresh" in sharing("plan", "*", *BOTH)


@pytest.mark.parametrize("command", [("plan", "*"), ("materialize", "*"), ("deploy",)], ids=lambda c: c[0])
def test_nothing_is_deployed_where_one_of_them_is_wrong(sharing, command):
    sharing("materialize", "*", *BOTH)
    deployed = [json.loads(sharing("tasks", "a.py:scale", "--json"))]
    sharing.write("a.py", SCALE.replace("factor", "times"))
    refused = sharing.here(*command, *BOTH)
    assert (refused.code, "no parameter factor in scale()" in refused.err) == (3, True)
    assert "1 error. Nothing was deployed." in refused.err
    assert [json.loads(sharing("tasks", "a.py:scale", "--json"))] == deployed


def test_the_file_that_is_wrong_is_told_and_not_the_one_that_waits_for_it(sharing):
    sharing.write("a.py", SCALE.replace("base() -> int", "base(missing: int) -> int"))
    refused = sharing.here("deploy", *BOTH)
    assert (refused.code, "a.py:" in refused.err, "b.py" in refused.err) == (3, True, False)
    sharing.write("a.py", SCALE.replace("def scale", "def scaled"))
    assert 'a.py, as it is now, has no task "scale"; near: scaled' in sharing.here("deploy", *BOTH).err


def test_files_that_refer_to_each_others_tasks_are_refused(sharing):
    sharing.write("a.py", f'{SCALE}\nfrom latewood.sharing import task_ref\nback = task_ref("b.py:some")\n')
    refused = sharing.here("deploy", *BOTH)
    assert refused.code == 2
    assert "files that neither import each other nor refer to each other's tasks: b.py, a.py" in refused.err


def test_a_file_alone_is_told_which_other_one_it_needs(sharing):
    refused = sharing.here("materialize", "*", "-f", "b.py")
    assert refused.code == 3
    assert "name it in the same command, -f a.py, and it is deployed first" in refused.err


@pytest.mark.parametrize(
    ("task", "broken"),
    [
        (SCALE.replace("@task\n", ""), "scaled of b.py is made by a.py:scale, which nothing defines"),
        (SCALE.replace("factor", "times"), "scaled of b.py gives factor, which is no parameter of a.py:scale"),
        (SCALE.replace("(rows: list[int]", "(rows: str"), "scaled of b.py gives list[int] for rows, where str is"),
        (SCALE.replace("rows: list[int],", "rows: list[int], by: int,"), "scaled of b.py does not give by, which is"),
        (SCALE.replace("row * factor", "row"), ""),
    ],
    ids=["gone", "parameter", "type", "input", "body"],
)
def test_who_changes_a_task_is_told_what_refers_to_it(sharing, task, broken):
    sharing("materialize", "*", *BOTH)
    sharing.write("a.py", task)
    for command in (("plan", "*"), ("materialize", "*"), ("deploy",)):
        done = sharing.here(*command, "-f", "a.py")
        assert done.code == 0
        assert done.err.count("this breaks what other files refer to:\n") == bool(broken)
        assert broken in done.err


def test_who_refers_to_a_version_keeps_it_and_is_not_told(sharing):
    sharing("deploy", "-f", "a.py")
    version = json.loads(sharing("tasks", "a.py:scale", "--json"))["tasks"][0]["version"]
    sharing.write("b.py", SCALED.replace('scale")', f'scale", version="{version}")'))
    sharing("materialize", "*", *BOTH)
    sharing.write("a.py", SCALE.replace("factor", "times"))
    done = sharing.here("materialize", "*", *BOTH)
    assert (done.code, done.err.count("this breaks")) == (0, 0)
    assert "0 run, 2 reused" in done.out


def test_without_a_file_all_that_is_deployed_from_here_is_meant(sharing):
    sharing("materialize", "*", *BOTH)
    sharing.write("a.py", SCALE.replace("return 1", "return 5"))
    assert "1 run, 2 maybe, 0 reuse, 0 fresh" in sharing("plan", "*")
    assert [line for line in sharing("materialize", "*").splitlines() if line.endswith(":")] == ["a.py:", "b.py:"]
    assert sharing("show", "scaled").endswith("[15, 6]\n")
    sharing.write("b.py", SCALED.replace("[base, 2]", "[base]"))
    deployed = json.loads(sharing("deploy", "--json"))["locations"]
    assert [found["location"] for found in deployed] == ["a.py", "b.py"]
    assert assets(sharing)["rows"] == ("b.py", "stale")


def test_without_a_file_parameters_are_for_the_one_that_the_selection_means(sharing):
    sharing.write("more.py", "from latewood import asset\n\n@asset\ndef more(*, by: int = 1) -> int:\n    return by\n")
    sharing("deploy", *BOTH, "-f", "more.py")
    assert "1 run, 0 maybe" in sharing("plan", "more", "--param", "more.by=3")
    assert "variants were made" in sharing("materialize", "more", "--param", "more.by=3")
    assert json.loads(sharing("materialize", "more", "--param", "more.by=4", "--detach", "--json"))["steps"] == 1
    sharing.write("more.py", "from latewood import asset\n\n@asset\ndef most(*, by: int = 1) -> int:\n    return by\n")
    assert "1 run, 0 maybe" in sharing("plan", "most", "--param", "most.by=3"), "as the files are now"
    last = sharing("log", "tail", "--after", "0", "--json")
    none = sharing.here("materialize", "status:failed", "--param", "most.by=3")
    assert (none.code, '"status:failed" selects nothing that --param could be for' in none.err) == (2, True)
    assert sharing("log", "tail", "--after", "0", "--json") == last, "what changed is not deployed for it"


READING = """
from pathlib import Path
from latewood import asset

@asset
def {name}(*, path: Path = Path("data.txt")) -> str:
    return path.read_text()
"""


def test_one_run_of_several_is_left_to_engines_with_what_each_was_seen_to_read(sharing):
    sharing.write("data.txt", "as it was")
    sharing.write("a.py", READING.format(name="one"))
    sharing.write("b.py", READING.format(name="two") + "\n@asset\ndef three(one: str) -> str:\n    return one\n")
    asked = json.loads(sharing("materialize", "*", "--detach", "--json", *BOTH))
    assert asked["steps"] == 3
    events = map(json.loads, sharing("log", "tail", "--after", "0", "--json").splitlines())
    planned = [event["data"] for event in events if event["type"] == "run.planned"]
    assert [(fact["run"], fact["location"], list(fact["contents"])) for fact in planned] == [
        (asked["run"], "a.py", ["data.txt"]),
        (asked["run"], "b.py", ["data.txt"]),
    ]
    refused = sharing.here("rerun", asked["run"])
    assert (refused.code, "was of a.py and b.py, and a rerun is by the code of one" in refused.err) == (2, True)
    assert "`latewood materialize '*' --env prod --detach` asks for the same" in refused.err
    assert json.loads(sharing("materialize", "two", "--detach", "--json"))["steps"] == 1, "that which is selected"


def test_a_run_of_one_file_is_run_again_when_some_of_it_has_moved_to_another_since(sharing):
    text = "from latewood import *\n"
    one, two = ("\n@asset\ndef {}() -> int:\n    return {}\n".format(*each) for each in (("one", 1), ("two", 2)))
    sharing.write("a.py", text + one + two)
    run = json.loads(sharing("materialize", "*", "-f", "a.py", "--json"))["run"]
    sharing.write("a.py", text + one.replace("1", "3"))
    sharing.write("b.py", text + two.replace("2", "4"))
    sharing("deploy", *BOTH)
    assert "1 run, 0 reused" in sharing("rerun", run), "of what a.py has still"
    assert "0 run, 1 reused" in sharing("rerun", run, "--only", "0")
    assert "1 run, 0 reused" in sharing("rerun", run, "--only", "1"), "by whose it is now"
    refused = sharing.here("rerun", run, "--only", "0-1")
    assert (refused.code, "these steps are made by a.py and b.py, and a rerun is by" in refused.err) == (2, True)


def test_the_same_of_several_is_asked_for_with_its_partitions_by_what_is_printed(sharing):
    text = "from latewood import *\n\n@asset(partitions=Static(['x', 'y']))\n"
    text += "def {}(key: PartitionKey) -> str:\n    return key\n"
    sharing.write("a.py", text.format("one"))
    sharing.write("b.py", text.format("two"))
    asked = json.loads(sharing("materialize", "one or two", "--partition", "x", "--detach", "--json", *BOTH))
    said = sharing.here("rerun", asked["run"]).err
    printed = re.search("`latewood (materialize .* --detach)` asks for the same", said)[1]
    assert printed == "materialize 'one or two' --partition x --env prod --detach"
    assert json.loads(sharing(*shlex.split(printed), "--json"))["steps"] == asked["steps"] == 2


def test_what_is_printed_to_be_typed_next_can_be(sharing):
    run = json.loads(sharing("materialize", "*", *BOTH, "--json"))["runs"][0]["run"]
    hint = next(line for line in sharing("retract", f"{run}.0", "--reason", "wrong").splitlines() if "plan" in line)
    assert hint.startswith("latewood plan 'status:stale' --env prod: ")
    assert "base" in sharing("plan", "status:stale", "--env", "prod")
    assert sharing("pin", "scaled.factor=7").endswith("see `latewood plan '*' --env prod`.\n")
    assert "scaled" in sharing("plan", "*", "--env", "prod")


def test_two_files_exchange_what_they_define_at_once(sharing):
    asset = "from latewood import asset\n\n@asset\ndef {}() -> int:\n    return 1\n"
    for names in (("one", "two"), ("two", "one")):
        for file, name in zip(("a.py", "b.py"), names, strict=True):
            sharing.write(file, asset.format(name))
        done = sharing.here("deploy", *BOTH)
        assert (done.code, done.err) == (0, "")
        assert {key: location for key, (location, _) in assets(sharing).items()} == dict(
            zip(names, ("a.py", "b.py"), strict=True)
        )


FORMED = """
from latewood import asset, task
from latewood.resources import Resource

class Prefix(Resource):
    text: str

@task
def formed(rows: list[int], prefix: Prefix, *, sep: str = ", ") -> str:
    return prefix.text + sep.join(map(str, rows))

@asset
def base() -> int:
    return 1
"""
FORMING = """
from latewood import task, workflow
from latewood.sharing import task_ref

formed = task_ref("a.py:formed")

@task
def doubled(n: int) -> list[int]:
    return [n, n]

@workflow
def forming(n: int = 4, sep: str = "-"):
    formed(doubled(n), sep=sep)
    formed.named("fixed")([1, 2])
"""


def test_steps_of_workflows_are_by_tasks_and_resources_of_files_named_with_them(sharing):
    sharing.write("latewood.toml", '[resources.Prefix]\ntext = "rows "\n')
    sharing.write("a.py", FORMED)
    sharing.write("b.py", FORMING)
    assert "4 run, 0 maybe" in sharing("plan", "*", *BOTH)
    done = sharing.here("materialize", "*", *BOTH)
    assert (done.code, "this breaks" in done.err) == (0, False)
    assert sharing("show", "forming/formed").endswith('"rows 4-4"\n')
    alone = sharing.here("deploy", "-f", "a.py")
    assert (alone.code, alone.err) == (0, "")
    sharing.write("latewood.toml", '[resources.Prefix]\ntext = "other "\n')
    assert "configuration of Prefix changed" in sharing("plan", "*")
    sharing("materialize", "*")
    assert sharing("show", "forming/formed").endswith('"other 4-4"\n')
    sharing.write("a.py", FORMED.replace("sep", "by"))
    assert "forming/formed of b.py gives sep, which is no parameter" in sharing.here("deploy", "-f", "a.py").err


def test_what_is_said_of_several_is_said_once(sharing):
    sharing.write("more.py", "from latewood import asset\n\n@asset\ndef more() -> int:\n    return 1\n")
    sharing("materialize", "*", *BOTH)
    sharing.write("a.py", SCALE.replace("@task\n", ""))
    done = sharing.here("materialize", "*", "-f", "a.py", "-f", "more.py")
    assert (done.code, done.err.count("this breaks")) == (0, 1)


OUTSIDE = """
from latewood import asset
from latewood.external import DataVersion, external_asset, observe

feed = external_asset("feed_{n}")

@observe(feed)
def look_{n}() -> DataVersion:
    return DataVersion("{n}")
"""


def test_what_is_observed_says_which_file_is_meant(sharing):
    sharing.write("a.py", OUTSIDE.format(n=1))
    sharing.write("b.py", OUTSIDE.format(n=2))
    sharing("deploy", *BOTH)
    assert "1 observation, 1 new" in sharing("observe", "feed_2")
    assert "1 observation, 1 new" in sharing("observe", "feed_1")
    refused = sharing.here("observe", "*")
    assert (refused.code, "since several are deployed from here: a.py, b.py" in refused.err) == (2, True)


def test_nothing_is_deployed_where_one_of_them_would_overwrite_anothers_values(sharing):
    stored = "from latewood import asset\nfrom latewood.io import Json\n\n"
    stored += '@asset(io=Json("out/{asset}.json"))\ndef kept() -> int:\n    return 1\n'
    sharing.write("a.py", stored)
    sharing.write("b.py", "from latewood import asset\n\n@asset\ndef more(kept: int) -> int:\n    return kept\n")
    sharing("materialize", "*", *BOTH)
    refused = sharing.here("materialize", "*", *BOTH, "--env", "dev", "--force")
    assert (refused.code, "out/kept.json" in refused.err) == (2, True)
    assert sharing.here("assets", "--env", "dev").code == 2, "there is no such environment yet"
