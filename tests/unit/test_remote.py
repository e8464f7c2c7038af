"""What the command line does with answers of a server that come in pages."""

from itertools import count
from types import SimpleNamespace

import pytest

from latewood.cli.remote.assets import _column
from latewood.cli.remote.automations import _pages
from latewood.cli.remote.connection import of_one_state, with_all
from latewood.cli.remote.deployments import _latest
from latewood.cli.remote.environments import _whole
from latewood.cli.remote.facts import defined_as
from latewood.errors import UsageError
from latewood.events import AutomationDefined
from latewood.model.automations import Automation


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


def test_a_list_that_comes_in_pages_is_of_the_state_of_its_first_page_though_the_log_goes_on():
    log, asked = count(7), []

    def query(document, given):
        asked.append((given.get("asOf"), given.get("after"), given["run"]))
        more = {"hasNextPage": len(asked) < 3, "endCursor": f"{document} {len(asked)}"}
        of = given.get("asOf") or next(log)
        return {"project": {"position": of, "steps": {"nodes": [of], "pageInfo": more}}}

    client = SimpleNamespace(at=SimpleNamespace(project="shop"), query=query)
    assert list(of_one_state(client, "page", lambda project: project["steps"], run="r")) == [7, 7, 7]
    assert asked == [(None, None, "r"), (7, "page 1", "r"), (7, "page 2", "r")]


@pytest.mark.parametrize("total", [0, 999, 1_000, 2_001])
def test_a_list_that_goes_on_behind_a_number_is_whole_and_of_one_state(total):
    log, asked = count(7), []

    def look(behind, asOf=None):  # noqa: N803 - as the schema has it
        asked.append((asOf, behind))
        return {"position": asOf or next(log), "names": list(range(total))[behind : behind + 1_000]}

    assert with_all("names", look) == {"position": 7, "names": list(range(total))}
    assert asked == [(None, 0), *((7, behind) for behind in range(1_000, total + 1, 1_000))]


def test_the_latest_deployments_are_those_of_all_locations_however_many_there_are(monkeypatch):
    made = {"often": [9, 8, 7, 5, 4, 3], "rarely": [6, 1], "once": [2]}
    asked = []

    def query(_document, given):
        asked.append((given.get("asOf"), given["before"]))

        def page(location):
            before = given["before"] or 100
            return [deployment(location, n) for n in made[location] if n < before][: given["first"]]

        return {"project": {"position": 50, "locations": [{"name": of, "deployments": page(of)} for of in made]}}

    def deployment(location, number):
        plain = {"assets": 1, "actor": "ann", "changed": 1, "dropped": 0, "environments": []}
        return {"id": str(number), "location": location, "position": number, "createdAt": "2026-01-01T00:00Z", **plain}

    client = SimpleNamespace(at=SimpleNamespace(project="shop"), query=query)

    def latest(limit, location=""):
        asked.clear()
        return [each.deployment.position for each in _latest(client, location, limit)]

    assert latest(2) == [9, 8]
    assert asked == [(None, None)]
    monkeypatch.setattr("latewood.cli.remote.deployments.PAGE", 2)
    assert latest(9) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert asked[:2] == [(None, None), (50, 8)]
    assert latest(3) == [9, 8, 7]
    assert latest(9, "rarely") == [6, 1]


def test_all_that_is_overdue_is_asked_for_as_it_was_at_first():
    asked = []

    def look(**given):
        asked.append(given)
        return {"now": "then", "automations": [{"overdueCount": 2_001}, {"overdueCount": 1_000}]}

    assert len(_pages(look)) == 3
    assert asked == [{"behind": 0}, {"behind": 1_000, "asOf": "then"}, {"behind": 2_000, "asOf": "then"}]


DAILY = {"kind": "schedule", "name": "daily", "selection": "*", "cron": "0 6 * * *", "timezone": "UTC"}


def test_a_definition_of_another_version_is_not_read_as_if_it_were_of_this_one():
    assert defined_as({"definition": DAILY, "definitionVersion": 1}, AutomationDefined, Automation).name == "daily"
    for told, said in (
        ({"definition": DAILY, "definitionVersion": 2}, "version 2 of the event `automation.defined`"),
        ({"definition": {"kind": "tide"}, "definitionVersion": 1}, "tide"),
    ):
        with pytest.raises(UsageError, match=said):
            defined_as(told, AutomationDefined, Automation)


def test_of_a_column_it_is_known_of_how_many_versions_it_is_though_a_hundred_are_named():
    told = {"asset": "late", "column": "n", "confidence": "FULL", "depth": 0, "sources": [], "end": None}
    told |= {"expression": "count(*)"}
    found = _column({**told, "versions": ["r.0", "r.1"], "versionsCount": 365})
    assert (found.count, len(found.versions), found.expression) == (365, 2, "count(*)")
