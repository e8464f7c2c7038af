"""A list costs as many statements as a single item does."""

from collections import Counter
from dataclasses import replace
from textwrap import dedent

import pytest
from sqlalchemy import event

from api.conftest import SHOP
from api.walking import fields_of
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import create
from latewood.engine.loading.loader import load_file
from latewood_graphql.schema import schema

FIELDS = """
    key status flags location
    partitions { status partitions { count ranges { start stop } } }
    causes { cause partitions { count } }
    upstream(first: 100) { key status } downstream(first: 100) { key status }
    head { id size metadata parameters }
    versions(first: 3) { nodes { id metadata parameters reasons } pageInfo { hasNextPage } }
    runs(first: 2) { nodes { id } }
"""


@pytest.fixture
def statements(api):
    """What was sent to the database since the last look."""
    sent = []
    event.listen(api.service.reader.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))

    def look():
        found = Counter(sent)
        sent.clear()
        return found

    return look


def many(count):
    return "\n".join(
        f"@asset\ndef a{n}() -> int:\n    return {n}\n@asset\ndef b{n}(a{n}: int) -> int:\n    return a{n}\n"
        for n in range(count)
    )


def test_a_catalog_with_all_its_versions_is_as_many_statements_as_one_asset(api, made, statements):
    made(many(10))
    ask = f'assets(selection: "%s") {{ nodes {{ {FIELDS} }} }}'
    api.environment(ask % "a1")  # what is remembered from then on
    statements()
    assert len(api.environment(ask % "a1")["assets"]["nodes"]) == 1
    one = statements()
    assert len(api.environment(ask % "*")["assets"]["nodes"]) == 20
    assert statements() == one
    assert one.total() < 15, one


def test_a_page_of_runs_is_as_many_statements_whatever_it_has(api, made, statements):
    for _ in range(6):
        made(many(2), force=True)
    ask = "{ project { runs(first: %d) { nodes { id status counts } pageInfo { hasNextPage } } } }"
    api(ask % 1)
    statements()
    api(ask % 1)
    one = statements()
    assert len(api(ask % 6)["project"]["runs"]["nodes"]) == 6
    assert statements() == one


def test_what_changed_is_as_many_statements_whatever_it_is(api, made, statements):
    made(many(10))
    then = api("{ server { position } }")["server"]["position"]
    made(many(10), selection="a1 or b1", force=True)
    there = api("{ server { position } }")["server"]["position"]
    made(many(10), force=True)
    sides = "before { id metadata } after { id metadata size }"
    heads = f"heads {{ nodes {{ key partitions {{ text }} moves {{ nodes {{ {sides} }} }} }} }}"
    ask = f"{{ project(asOf: %d) {{ changes(since: {then}) {{ environment {{ {heads} }} }} }} }}"
    end = api("{ server { position } }")["server"]["position"]
    for position in (there, end):
        api(ask % position)  # what is remembered from then on
    statements()
    few, one = api(ask % there), statements()
    all_, every = api(ask % end), statements()
    assert [len(found["project"]["changes"]["environment"]["heads"]["nodes"]) for found in (few, all_)] == [2, 20]
    assert every.total() <= one.total() + 1, every - one


def test_a_promotion_is_as_many_statements_of_however_many_locations(api, made, workspace, statements, load):
    made(many(1))
    sent = []
    for count in (1, 3):
        for n in range(count):
            loaded = load(f"@asset\ndef c{n}() -> int:\n    return {count}\n")
            deploy_loaded(workspace, replace(loaded, location=f"c{n}.py"))
        create(workspace, f"to{count}")
        for n in range(count):
            loaded = load(f"@asset\ndef c{n}() -> int:\n    return -{count}\n")
            deploy_loaded(replace(workspace, environment=f"to{count}"), replace(loaded, location=f"c{n}.py"))
        ask = f'promotion(target: "to{count}") {{ deployments {{ location moved }} }}'
        statements()
        found = api.environment(ask)["promotion"]["deployments"]
        assert [each["moved"] for each in found] == [True] * count
        sent.append(statements().total())
    assert sent[0] == sent[1]


def test_why_is_as_many_statements_however_many_causes_it_has(api, made, statements):
    def hub(count, number):
        made = "".join(f"@asset\ndef c{n}() -> int:\n    return {number}\n" for n in range(count))
        made += f"@asset\ndef raw() -> int:\n    return {number}\n"
        made += "".join(f"@asset\ndef r{n}(raw: int) -> int:\n    return raw\n" for n in range(count))
        reads = ", ".join(f"c{n}: int, r{n}: int" for n in range(count))
        return f"{made}@asset\ndef hub({reads}) -> int:\n    return 1\n"

    ask = 'why(asset: "hub") {{ findingsCount findings{} {{ cause asset moved {{ by }} }} }}'
    made(hub(1, 0))  # so that each head later on is put in place of another
    sent, causes = [], []
    for count in (1, 3, 12):
        made(hub(count, -count), force=True)
        made(hub(count, count), selection="raw", force=True)
        api.environment(ask.format(""))  # what is remembered from then on
        statements()
        found = api.environment(ask.format(""))["why"]
        sent.append(statements())
        causes.append(found["findingsCount"])
        assert {finding["cause"] for finding in found["findings"]} == {"CODE", "INPUT"}
    assert causes == [2, 6, 24]
    assert [each.total() for each in sent] == [sent[0].total()] * 3, sent[2] - sent[0]
    few = api.environment(ask.format("(first: 2, behind: 1)"))["why"]
    assert (few["findings"], few["findingsCount"]) == (found["findings"][1:3], 24)


def test_a_plan_in_words_is_as_many_statements_however_many_of_it_have_changed(api, made, workspace, statements, load):
    def source(count, number):
        made = f"@asset\ndef raw(*, by: int = {number}) -> int:\n    return by\n"
        made += "".join(f"@asset\ndef c{n}(raw: int) -> int:\n    return {number}\n" for n in range(count))
        return made + "".join(f"@asset\ndef p{n}(*, k: int = 1) -> int:\n    return k\n" for n in range(count))

    sent = []
    for count in (1, 3, 12):
        made(source(count, 1), force=True)
        deploy_loaded(workspace, load(source(count, 2)))
        given = ", ".join(f'{{name: "p{n}.k", values: [2]}}' for n in range(count))
        ask = f"planPreview(parameters: [{given}]) {{ assets(first: 100) {{ nodes {{ assets groups {{ why }} }} }} }}"
        api.environment(ask)  # what is remembered from then on
        statements()
        found = api.environment(ask)["planPreview"]["assets"]["nodes"]
        sent.append(statements())
        words = {node["assets"][0]: node["groups"][0]["why"] for node in found}
        assert words["p0"] == words[f"p{count - 1}"] == ["other k"]
        assert words[f"c{count - 1}"][0].startswith(f"code: c{count - 1} (")
    assert [each.total() for each in sent] == [sent[0].total()] * 3, sent[2] - sent[0]


def queried(tables):
    made = "".join(f"@asset\ndef {t}() -> pa.Table:\n    return pa.table({{'n': [1]}})\n" for t in tables)
    query = f"SELECT {' + '.join(f'{t}.n' for t in tables)} AS n FROM {', '.join(tables)}"
    return f"import pyarrow as pa\nfrom latewood.sql import sql_asset\n{made}total = sql_asset('total', '{query}')\n"


@pytest.mark.parametrize(
    ("field", "list_"), [('columnLineage(asset: "total", column: "n"', "nodes"), ('lineage(asset: "total"', "upstream")]
)
def test_assets_that_are_dropped_are_named_in_one_statement_where_something_came_from_them(
    api, made, statements, field, list_
):
    sent = []
    for tables in ("ab", "cdefg"):
        made(queried(tables))
        (head,) = api.environment('asset(key: "total") { head { id } }')["asset"].values()
        made(queried("xy"))
        ask = f'found: {field}, version: "{head["id"]}") {{ {list_} {{ asset }} }}'
        statements()
        found = [node["asset"] for node in api.environment(ask)["found"][list_]]
        assert [key for key in found if key != "total"] == list(tables)
        sent.append(statements().total())
    assert sent[0] == sent[1]


def test_an_asset_and_its_page_read_what_is_defined_once(api, made, statements):
    made(many(2))
    ask = 'environment { asset(key: "b1") { status } assetPage(asset: "b1") { location versionsCount } }'
    now = api(f"{{ project {{ {ask} }} }}")
    end = api("{ server { position } }")["server"]["position"]
    statements()
    assert api(f"{{ project(asOf: {end}) {{ {ask} }} }}") == now
    reads = {text: count for text, count in statements().items() if "JOIN definitions" in text}
    assert list(reads.values()) == [1]


def test_the_steps_of_a_run_are_explained_by_one_look_at_its_plan(api, made, statements):
    run = made(many(3)).run
    steps = " ".join(f's{n}: whyStep(run: "{run}", step: {n}) {{ decision }}' for n in range(6))
    found = api(f'{{ project {{ whyRun(run: "{run}") {{ fresh }} {steps} }} }}')["project"]
    assert [found[f"s{n}"]["decision"] for n in range(6)] == ["RUN"] * 6
    sent = statements()
    for what in ("JOIN definitions", "events.version >"):
        assert [count for text, count in sent.items() if what in text] == [1], what


LAST = """
    @asset
    def said(total: str) -> str:
        return total

    usual, daily = (LaunchPlan(name, "orders") for name in ("usual", "daily"))
"""
"""One reads the asset that is asked about, too; and two can be launched by name."""

LISTS = {
    "Asset": ('environment { assets(selection: "%s", first: 5) { nodes { %s } } }', ("total", "*")),
    "AssetVersion": ('environment { asset(key: "revenue") { versions(first: %s) { nodes { %s } } } }', ("1", "4")),
    "CheckVerdict": ('environment { asset(key: "total") { verdicts(first: %s) { %s } } }', ("1", "3")),
    "Deployment": ("locations { deployments(first: %s) { %s } }", ("1", "2")),
    "Event": ('events(types: ["step.succeeded"], first: %s) { nodes { %s } }', ("1", "9")),
    "LaunchPlan": ("environment { launchPlans(first: %s) { nodes { %s } } }", ("1", "2")),
    "Run": ("runs(first: %s) { nodes { %s } }", ("1", "3")),
    "Step": ("runs(first: 1) { nodes { steps(first: %s) { nodes { %s } } } }", ("1", "9")),
}
"""How one or many of a type are asked for."""

ONE_BY_ONE = {
    "Asset.comparison": "of up to 5 assets in a query",
    "AssetVersion.sample": "of up to 20 versions in a query",
}
"""What costs statements for each item, and why."""


@pytest.mark.parametrize("type_", sorted(LISTS))
def test_every_field_of_what_is_listed_is_as_many_statements_as_of_one(api, made, statements, type_):
    for unit in ("euro", "yen", "euro"):
        made(SHOP.replace("euro", unit) + LAST, force=True)
    ask, (one, many_) = LISTS[type_]
    wrong, more = [], {}
    for name, said in fields_of(schema(), type_, {}):
        counted = []
        for which in (one, many_):
            api.post(f"{{ project {{ {ask % (which, said)} }} }}")  # what is remembered from then on
            statements()
            answer = api.post(f"{{ project {{ {ask % (which, said)} }} }}").json()
            wrong += [(name, answer["errors"])] if "errors" in answer else []
            counted.append(statements().total())
        if counted[1] > counted[0]:
            more[name] = counted
    assert wrong == []
    assert {name: counts for name, counts in more.items() if name not in ONE_BY_ONE} == {}


BY_ITSELF = """
    from latewood.automation import Freshness, Schedule

    s{n} = Schedule("s{n}", "a{n}", cron="0 6 * * *")
    f{n} = Freshness("f{n}", "a{n}", max_lag=timedelta(days=1))

    @asset
    def a{n}() -> int:
        return 1
"""


WHOLE = {"Automation": "environment { automations { %s } }", "Location": "locations { %s }"}
"""How all of a type is asked for that comes in no pages."""


def test_what_has_no_pages_is_as_many_statements_however_much_there_is(api, workspace, tmp_path, statements):
    counted = []
    for n in range(3):
        file = tmp_path / f"file{n}.py"
        file.write_text("from datetime import timedelta\nfrom latewood import *\n" + dedent(BY_ITSELF.format(n=n)))
        deploy_loaded(workspace, load_file(file, root=tmp_path))
        each = {}
        for type_, ask in WHOLE.items() if n != 1 else ():
            for name, said in fields_of(schema(), type_, {}):
                api(f"{{ project {{ {ask % said} }} }}")  # what is remembered from then on
                statements()
                api(f"{{ project {{ {ask % said} }} }}")
                each[name] = statements().total()
        counted.append(each)
    assert counted[2] == counted[0]
