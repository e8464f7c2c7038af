"""Assets in several files: each belongs to the file that defines it, however the others come by it."""

import json
import sys
from dataclasses import dataclass
from typing import Any

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
    return Here(shell)


@dataclass
class Here:
    """The shell, with every command in this process."""

    shell: Any

    def write(self, name, text):
        self.shell.write(name, text)

    def run(self, *arguments):
        for name in ("orders", "report", "more", "other"):  # as a process of its own has none yet
            sys.modules.pop(name, None)
        return self.shell.here(*arguments)

    def __call__(self, *arguments, code=0):
        done = self.run(*arguments)
        assert done.code == code, f"latewood {' '.join(arguments)}: {done.code}\n{done.out}{done.err}"
        return done.out


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
    planned = shop.run("plan", "*", "-f", "report.py", "-f", "orders.py")
    assert "3 run, 0 maybe, 0 reuse, 0 fresh" in planned.out
    done = shop.run("materialize", "*", "-f", "report.py", "-f", "orders.py")
    assert done.code == 0
    assert [line for line in done.out.splitlines() if line.endswith(":")] == ["orders.py:", "report.py:"]
    assert "left out" not in done.out + done.err
    assert "0 run, 1 reused" in (again := shop("materialize", "*", "-f", "orders.py", "-f", "report.py"))
    assert "0 run, 2 reused" in again
    assert "0 run, 2 reused" in shop("materialize", "*", "-f", "report.py")  # what it deploys alone is the same
    assert shop.run("plan", "*", "-f", "orders.py", "-f", "report.py").out.count("fresh") == 4


def test_what_was_taken_in_goes_to_the_file_that_defines_it_when_both_are_given(shop):
    shop("materialize", "*", "-f", "report.py")
    refused = shop.run("materialize", "*", "-f", "orders.py")
    assert refused.code == 3
    assert "deploy both at once, `latewood deploy -f FILE -f FILE`" in refused.err
    done = shop.run("deploy", "-f", "orders.py", "-f", "report.py")
    assert (done.code, done.err) == (0, "")
    assert assets(shop)["orders"] == ("orders.py", "fresh")
    assert "0 run, 1 reused" in shop("materialize", "*", "-f", "orders.py")


def test_a_selection_of_one_of_them_is_run_there_and_one_of_none_is_refused(shop):
    blocked = shop.run("materialize", "report", "-f", "orders.py", "-f", "report.py")
    assert (blocked.code, "orders" in blocked.err) == (2, True)
    assert "orders" in shop("materialize", "+report", "-f", "orders.py", "-f", "report.py")
    assert assets(shop)["report"] == ("report.py", "fresh")
    refused = shop.run("materialize", "reprot", "-f", "orders.py", "-f", "report.py")
    assert (refused.code, "near: report" in refused.err) == (2, True)


def test_what_reads_of_a_file_that_failed_is_left_out(shop):
    shop.write("orders.py", ORDERS.format(orders="[]"))
    shop.write("other.py", "from latewood import asset\n\n@asset\ndef other() -> int:\n    return 1\n")
    done = shop.run("materialize", "*", "-f", "report.py", "-f", "orders.py", "-f", "other.py")
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
