"""What the command line does with answers of a server that come in pages."""

import pytest

from latewood.cli.remote.environments import _whole
from latewood.errors import Conflict


def pages_at(*positions):
    """A difference with two pages of heads, asked for at these positions of the log."""
    at = iter(positions)

    def look(heads=None):
        more = {"hasNextPage": heads is None, "endCursor": "next"}
        found = {"nodes": ["orders" if heads is None else "total"], "pageInfo": more}
        return {"position": next(at), "heads": found, "pins": {"nodes": [], "pageInfo": {"hasNextPage": False}}}

    return look


def test_a_difference_of_environments_is_of_one_moment():
    first, heads, pins = _whole(pages_at(7, 8, 8, 8))
    assert (first["position"], heads, pins) == (8, ["orders", "total"], [])


def test_where_the_log_goes_on_all_the_time_that_is_said():
    with pytest.raises(Conflict, match="the log went on in each of 5 attempts"):
        _whole(pages_at(*range(10)))
