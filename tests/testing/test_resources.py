"""Resources in tests: given ones, never those that `latewood.toml` configures."""

import pytest

from latewood import asset
from latewood.errors import DefinitionsInvalid
from latewood.resources import Resource, Secret
from latewood.testing import Project


class Lake(Resource):
    url: str = "https://lake.example.com"
    password: Secret | None = None


class Puddle(Lake):
    """A lake of a test's own."""

    def depth(self) -> str:
        return "shallow"


@asset
def depth(lake: Lake) -> str:
    return lake.depth() if isinstance(lake, Puddle) else lake.url


@asset
def read(depth: str) -> str:
    return depth.upper()


def test_what_is_given_asks_for_no_resource():
    with Project([depth, read]) as project:
        project.give("depth", "9 m")
        run = project.materialize()

        assert run.outcomes == {"depth": "fresh", "read": "ran"}
        assert run["read"] == "9 M"


REAL = """
[resources.Lake]
url = "https://real.example.com"
password = {file = "password"}

[locations.test]
lock = "nope.txt"
"""


def test_what_is_configured_in_earnest_meets_no_test(tmp_path):
    (tmp_path / "latewood.toml").write_text(REAL)
    with Project([depth], root=tmp_path) as project:
        assert project.materialize()["depth"] == "https://lake.example.com"


def test_resources_are_given_as_instances_or_values_and_are_part_of_reuse_keys():
    with Project([depth], resources={"Lake": {"url": "one"}}) as project:
        assert project.materialize()["depth"] == "one"
        project.define([depth], resources={"Lake": Lake(url="two")})
        assert project.why("depth").causes == ("depth.Lake.url: configuration",)
        assert project.materialize()["depth"] == "two"
        project.define([depth])
        assert project.plan().actions == {"depth": "fresh"}
        project.define([depth], resources={"Lake": Puddle(url="three")})
        assert project.materialize()["depth"] == "shallow"


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ({"Lak": {}}, 'no resource "Lak"; there are Lake'),
        ({"Lake": {"uri": "a"}}, 'Lake.uri: no such field; did you mean "url"'),
        ({"Lake": Resource()}, "Lake: Input should be a valid dictionary or instance of Lake"),
    ],
)
def test_resources_that_cannot_be_are_refused(resources, problem):
    with pytest.raises(DefinitionsInvalid, match=problem):
        Project([depth], resources=resources)
