"""Resources in tests: given ones, never those that `latewood.toml` configures."""

from latewood import asset
from latewood.resources import Resource
from latewood.testing import Project


class Lake(Resource):
    url: str = "https://lake.example.com"


@asset
def depth(lake: Lake) -> str:
    return lake.url


@asset
def read(depth: str) -> str:
    return depth.upper()


def test_what_is_given_asks_for_no_resource():
    with Project([depth, read]) as project:
        project.give("depth", "9 m")
        run = project.materialize()

        assert run.outcomes == {"depth": "fresh", "read": "ran"}
        assert run["read"] == "9 M"
