"""1, 1.0 and True are three values: `==` takes them for one, and what is computed with them may differ."""

from dataclasses import replace

import pytest

from latewood.commands.environments import create, diff, promote
from latewood.commands.materializing import materialize, prepare
from latewood.commands.pinning import pin
from latewood.commands.planning import Asked
from latewood.commands.reading import read

_FILE = """
from latewood import asset
@asset
def shown(*, value: int | bool = 1) -> str:
    return repr(value)
"""


@pytest.fixture
def loaded(load):
    return load(_FILE)


def made(workspace, loaded, *parameters):
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*", parameters=parameters)))


def head_of(workspace):
    found = read(workspace)
    return found.state.heads[found.view.ids["shown"]][""].version, found.assessed["shown"].status.value


def test_another_value_that_is_equal_makes_a_variant(workspace, loaded):
    made(workspace, loaded)
    before = head_of(workspace)
    made(workspace, loaded, "shown.value=true")
    assert head_of(workspace) == before


def test_a_pin_is_changed_to_a_value_that_is_equal(workspace, loaded):
    made(workspace, loaded)
    pin(workspace, ["shown.value=1"])
    assert [change.after for change in pin(workspace, ["shown.value=true"]).changed] == [True]
    assert head_of(workspace)[1] == "stale"


def test_a_pin_that_is_equal_to_the_targets_is_promoted(workspace, loaded):
    made(workspace, loaded)
    pin(workspace, ["shown.value=1"])
    create(workspace, "dev")
    pin(replace(workspace, environment="dev"), ["shown.value=true"])
    assert [repinned.pin.value for repinned in diff(workspace, "dev", "prod").pins] == [True]
    promote(workspace, "dev", "prod")
    assert head_of(workspace)[1] == "stale"
