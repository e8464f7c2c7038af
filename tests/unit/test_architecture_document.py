"""ARCHITECTURE.md speaks of what exists, and of everything that does."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text()
PACKAGES = {"latewood": ROOT / "platform", "latewood_eventlog": ROOT / "eventlog", "latewood_graphql": ROOT / "graphql"}
PACKAGES |= dict.fromkeys(("latewood_bigquery", "latewood_openlineage", "latewood_spark"), ROOT / "plugins")


def test_every_test_it_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
    assert len(named) > 40
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert f"def {test}(" in (ROOT / file).read_text() or not test, f"{file}::{test}"


def test_the_code_map_has_every_module_once_and_no_other():
    table = re.findall(r"^\| (`latewood.*?) \|", TEXT, re.MULTILINE)
    mapped = [name for cell in table for name in re.findall(r"`([\w.]+)`", cell)]
    modules = {
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for package, folder in PACKAGES.items()
        for path in (folder / package).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert sorted(mapped) == sorted(modules)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(latewood[\w.]*\.\w+)`", TEXT))))
def test_every_module_it_mentions_exists(name):
    path = PACKAGES[name.partition(".")[0]] / name.replace(".", "/")
    assert path.with_suffix(".py").is_file() or path.is_dir()


def test_every_contract_and_no_other_stands_behind_an_invariant():
    configured = (ROOT / "pyproject.toml").read_text().partition("importlinter")[2]
    contracts = re.findall(r'^name = "(.+)"$', configured, re.MULTILINE)
    cited = re.findall(r'"([^"]+)"', " ".join(re.findall(r"\| contracts? (.*)\|", TEXT)))
    assert sorted(cited) == sorted(contracts)


def test_every_constraint_and_trigger_it_names_exists():
    migration = (ROOT / "eventlog/latewood_eventlog/migrations/0001_log.sql").read_text()
    for names in re.findall(r"database (`\w+`(?:, `\w+`)*)", TEXT):
        for name in re.findall(r"\w+", names):
            assert re.search(rf"(CONSTRAINT|TRIGGER|FUNCTION) {name}\b", migration), name
