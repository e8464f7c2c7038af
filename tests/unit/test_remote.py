"""What the command line does with answers of a server that come in pages."""

from itertools import count

from latewood.cli.remote.environments import _whole


def test_a_difference_of_environments_is_of_one_moment_though_the_log_goes_on():
    log = count(7)

    def look(heads=None, asOf=None):  # noqa: N803 - as the schema has it
        end = next(log)
        more = {"hasNextPage": heads is None, "endCursor": "next"}
        found = {"nodes": ["orders" if heads is None else "total"], "pageInfo": more}
        pins = {"nodes": [], "pageInfo": {"hasNextPage": False}}
        return {"position": asOf or end, "heads": {**found, "nodes": [*found["nodes"], asOf or end]}, "pins": pins}

    first, heads, pins = _whole(look)
    assert (first["position"], heads, pins) == (7, ["orders", 7, "total", 7], [])
