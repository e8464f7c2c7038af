"""Messages of commands, as who calls the API reads them."""

import re
from pathlib import Path

import pytest
from graphql import get_named_type

from latewood_graphql.advice import _OPTIONS, _WAYS, advising, for_callers
from latewood_graphql.schema import schema

ROOT = Path(__file__).parents[2] / "platform/latewood"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ('no asset "totl"; `latewood assets` lists them', 'no asset "totl"; `assets` lists them'),
        (
            '"total" has no version "r.1"; `latewood asset total` lists them',
            '"total" has no version "r.1"; `asset(key: "total")` lists them',
        ),
        ("`latewood run cancel 4k0w` ends it", '`cancelRun(run: "4k0w")` ends it'),
        (
            "change it, or `latewood retract r.1 --override --reason TEXT`",
            'change it, or `retract(version: "r.1", rerun: true)`',
        ),
        ("`latewood retract --undo r.1` takes that back", '`undoRetract(version: "r.1")` takes that back'),
        ("`latewood materialize a -f b.py --env dev` begins it", "`createEnvironment` begins it"),
        ("a is of b.py: `latewood materialize a -f b.py`", 'a is of b.py: `launch(selection: "a")`'),
        ("pin its parameters (`latewood pin`)", "pin its parameters (`pin`)"),
        (
            "`latewood observe a` or `latewood report a`",
            '`observe(selection: "a")` or `reportMaterialization(asset: "a")`',
        ),
        ('"a" has no partitions; ask without --partition', '"a" has no partitions; ask without `partition`'),
        ("or --to-time or --to-position; found neither", "or `to`; found neither"),
        ("`latewood grant a --to b --force`", "`latewood grant a --to b --force` on the command line"),
        ('no asset "a--force-b"', 'no asset "a--force-b"'),
    ],
)
def test_what_is_advised_is_what_the_api_has(message, said):
    assert for_callers(message) == said


def test_who_goes_on_by_commands_is_advised_of_commands():
    message = 'no asset "totl"; `latewood assets` lists them'
    with advising({"latewood-advice": "commands"}):
        assert for_callers(message) == message
    with advising({}):
        assert for_callers(message) != message
    assert for_callers(message) != message


def test_each_way_is_in_the_schema():
    of = schema()
    types = [of.query_type, of.mutation_type, *map(of.type_map.get, ("Project", "Environment", "Asset", "Run"))]
    fields = {name: field for type_ in types for name, field in type_.fields.items()}
    arguments = {name for field in fields.values() for name in field.args}
    for way in _WAYS.values():
        name, given = re.match(r"`(\w+)(?:\((.+)\))?`", way).groups()
        assert name in fields, way
        assert {part.split(":")[0].strip() for part in (given or "").split(",") if part} <= fields[name].args.keys(), (
            way
        )
        assert get_named_type(fields[name].type) is not None
    assert set(_OPTIONS.values()) <= arguments


def test_no_message_that_may_get_to_a_caller_advises_a_command_as_if_it_were_there():
    advised = set()
    for folder in ("commands", "decide", "serving", "engine", "model"):
        for file in (ROOT / folder).rglob("*.py"):
            advised |= set(re.findall(r"`latewood [^`\n]+`", file.read_text()))
    assert len(advised) > 30
    for message in advised:
        said = for_callers(message)
        assert "latewood" not in said or said.endswith(" on the command line"), said
