"""What users import: these names, each with a docstring and a place in the documents, at next to no cost."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import latewood
import latewood_eventlog

ROOT = Path(__file__).parents[2]
NAMES = [
    "AssetGroup",
    "CheckResult",
    "Context",
    "Cron",
    "Daily",
    "Definitions",
    "From",
    "Hourly",
    "LaunchPlan",
    "Monthly",
    "Out",
    "Output",
    "PartitionKey",
    "PartitionRange",
    "Partitioned",
    "Pickled",
    "Resources",
    "Retry",
    "Static",
    "Table",
    "TableSchema",
    "TimeWindow",
    "Timeouts",
    "Weekly",
    "WorkflowFailure",
    "asset",
    "check",
    "task",
    "when",
    "workflow",
]
HEAVY = ("pyarrow", "pydantic", "sqlalchemy", "psycopg2", "rich", "click", "pandas", "numpy", "tenacity", "asyncio")


def test_the_public_names_are_these():
    assert sorted(latewood.__all__) == sorted(NAMES)
    assert len(NAMES) <= 30
    assert [*sorted([*NAMES, "__version__"])] == dir(latewood)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name):
    assert inspect.getdoc(getattr(latewood, name))
    documents = (ROOT / "README.md").read_text() + (ROOT / "ARCHITECTURE.md").read_text()
    assert re.search(rf"\b{name}\b", documents)


TOPICS = {
    "latewood.automation": [
        "Cursor",
        "Freshness",
        "Notify",
        "Rule",
        "RunRequest",
        "Schedule",
        "SensedRun",
        "SensorContext",
        "Skip",
        "all_deps",
        "any_deps",
        "checks_passed",
        "code_changed",
        "cron_since",
        "eager",
        "failed",
        "in_last_window",
        "missing",
        "on_cron",
        "on_missing",
        "requested",
        "running",
        "sensor",
        "stale",
        "updated",
    ],
    "latewood.client": [
        "AssetNotFound",
        "AsyncClient",
        "AutomationNotFound",
        "Client",
        "Conflict",
        "DefinitionsInvalid",
        "Deployed",
        "DeploymentNotFound",
        "EnvironmentNotFound",
        "Event",
        "FailedStep",
        "InvalidInput",
        "InvalidQuery",
        "LaunchPlanNotFound",
        "Launched",
        "Line",
        "Lineage",
        "Link",
        "LocationNotFound",
        "Look",
        "NotFound",
        "NotLetIn",
        "NotPassed",
        "Observation",
        "ParameterNotFound",
        "PlanBlocked",
        "PlanChanged",
        "Preview",
        "Problem",
        "Progress",
        "RequestRefused",
        "Run",
        "RunNotFound",
        "ServerUnreachable",
        "StepsAlike",
        "TaskProgress",
        "TokenNotFound",
        "TooMuch",
        "TookTooLong",
        "VersionNotFound",
    ],
    "latewood.external": ["DataVersion", "external_asset", "observe", "virtual_asset"],
    "latewood.io": ["Csv", "IO", "Json", "Parquet", "Place"],
    "latewood.mapping": ["each"],
    "latewood.partitions": ["Dynamic", "Grid", "GridKey"],
    "latewood.processes": ["ReportedCheck", "command"],
    "latewood.resources": ["Resource", "Secret"],
    "latewood.sharing": ["task_ref"],
    "latewood.sql": ["sql_asset", "sql_files"],
    "latewood.testing": ["Happened", "Plan", "Project", "Run", "RunFailed", "Why", "check_codec"],
}


@pytest.mark.parametrize("module", TOPICS)
def test_the_names_of_a_topic_are_these_and_documented(module):
    topic = importlib.import_module(module)
    assert sorted(topic.__all__) == TOPICS[module]
    readme = (ROOT / "README.md").read_text()
    for name in TOPICS[module]:
        assert inspect.getdoc(getattr(topic, name))
        assert re.search(rf"\b{name}\b", readme)


def test_there_is_no_other_name():
    with pytest.raises(AttributeError, match="'Asset'"):
        latewood.Asset  # noqa: B018 - asking for it is the test


def test_importing_latewood_imports_nothing_heavy():
    story = (
        "import sys, latewood, latewood.authoring; latewood.asset; latewood.Table; latewood.Daily; "
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_commands_that_read_do_not_import_what_loads_and_runs_code():
    story = (
        "import sys, latewood.cli.assets, latewood.cli.explain, latewood.cli.runs, latewood.cli.status; "
        "print([m for m in sys.modules if m.endswith(('loading.loader', 'running.attempt', 'values.codecs'))])"
    )
    printed = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


MODULES = [
    name
    for package in (latewood, latewood_eventlog)
    for name in (
        package.__name__,
        *(found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")),
    )
]


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_in_it_says_what_it_is(name):
    module = importlib.import_module(name)
    assert module.__doc__
    for value in list(vars(module).values()):
        if getattr(value, "__module__", "") != module.__name__ or not hasattr(value, "__qualname__"):
            continue
        if value.__qualname__.startswith("_") or "<locals>" in value.__qualname__:
            continue
        assert value.__dict__.get("__doc__") if inspect.isclass(value) else value.__doc__, value.__qualname__
        for method, function in vars(value).items() if inspect.isclass(value) else ():
            if inspect.isfunction(function) and not method.startswith("_"):
                assert inspect.getdoc(getattr(value, method)), function.__qualname__
