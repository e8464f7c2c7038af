"""Moving heads, declaring versions wrong, pinning parameters, and telling what others have made."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.acts import Acts
from api.conftest import SHOP
from crash.conftest import facts_of
from latewood.commands import downstream
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import create
from latewood.commands.planning import make_plan
from latewood.commands.retracting import retract
from latewood.events import Action, AssetObserved, HeadsMoved, ParameterPinned, RetractionUndone, VersionsRetracted
from latewood_graphql.mutations import heads

OTHER = SHOP.replace("* 10", "* 20")


@pytest.fixture
def acts(api):
    return Acts(api)


def head(api, key="total", at="null", partition=""):
    asked = f'asset(key: "{key}") {{ head(partition: "{partition}") {{ id }} }}'
    return api(f"{{ project(asOf: {at}) {{ environment {{ {asked} }} }} }}")["project"]["environment"]["asset"]["head"][
        "id"
    ]


def recorded(workspace, kind):
    return [fact for fact in facts_of(workspace.log) if isinstance(fact, kind)]


# ── rolling back ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_head_goes_back_to_a_version(api, acts, made):
    made()
    first = head(api)
    made(OTHER)
    second = head(api)
    found = acts.done(
        "rollback",
        f'asset: "total", version: "{first}"',
        "RolledBack",
        "asset { key head { id } } moved { count } kept { count }",
    )
    assert found["asset"] == {"key": "total", "head": {"id": first}}
    assert (found["moved"]["count"], found["kept"]["count"]) == (1, 0)
    assert (head(api, at=found["position"]), head(api, at=found["position"] - 1)) == (first, second)
    again = acts.done("rollback", f'asset: "total", version: "{first}"', "RolledBack", "moved { count }")
    assert again["moved"]["count"] == 0
    assert head(api, at=again["position"]) == first


def test_partitions_go_back_to_what_was_head_at_a_moment(api, acts, made, workspace):
    made(selection="orders", partition="2026-01-01..2026-01-02")
    then = workspace.log.position()
    made(selection="orders", partition="2026-01-01..2026-01-03", force=True)
    found = acts.done(
        "rollback",
        f'asset: "orders", to: {then}',
        "RolledBack",
        "moved { text } kept { text }",
    )
    assert (found["moved"]["text"], found["kept"]["text"]) == ("2026-01-01..2026-01-02", "2026-01-03..2026-01-04")
    assert len(recorded(workspace, HeadsMoved)) == 1


def test_what_cannot_be_gone_back_to_says_why(acts, made):
    made()
    for arguments, type_, message in (
        ('asset: "totl", version: "x.1"', "AssetNotFound", 'no asset "totl"; near: total'),
        ('asset: "total", version: "x.1"', "VersionNotFound", '"total" has no version "x.1"'),
        ('asset: "total"', "InvalidInput", "expected a version, or `to`; found neither"),
        ('asset: "total", version: "x.1", to: 3', "InvalidInput", "expected a version or a time"),
        ('asset: "total", to: 999999', "InvalidInput", "position 999,999 is not in the log"),
        ('asset: "total", to: 3, partition: "2026-01-01"', "InvalidInput", '"total" has no partitions'),
        ('asset: "total", to: 3, environment: "pord"', "EnvironmentNotFound", 'no environment "pord"'),
    ):
        found = acts.refused("rollback", arguments)
        assert (found[0], found[1][: len(message)]) == (type_, message), found


# ── variants ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_variant_is_promoted(api, acts, made):
    made()
    run = made(selection="total", parameters=("total.unit=pound",)).run
    version, before = f"{run}.0", head(api)
    assert before != version
    found = acts.done(
        "promoteVersion", f'version: "{version}"', "VersionPromoted", "version partition moved replaced parameters"
    )
    position = found.pop("position")
    moved = {"moved": ["total"], "replaced": [before]}
    assert found == {"version": version, "partition": "", **moved, "parameters": {"total.unit": "pound"}}
    assert head(api, at=position) == version
    assert acts.refused("promoteVersion", 'version: "zzz.0"')[0] == "VersionNotFound"
    assert acts.refused("promoteVersion", f'version: "{version}", environment: "pord"')[0] == "EnvironmentNotFound"


# ── retracting ───────────────────────────────────────────────────────────────────────────────────────────


def test_versions_are_retracted_and_that_is_taken_back(api, acts, made, workspace):
    run = made().run
    found = acts.done(
        "retract",
        f'version: "{run}", asset: "orders", partition: "2026-01-01..2026-01-02", reason: "wrong feed"',
        "Corrected",
        "versionsCount unchangedCount downstreamCount mending { environment run depends reuse blocked }",
    )
    position = found.pop("position")
    mending = [{"environment": "prod", "run": 0, "depends": 0, "reuse": 0, "blocked": 5}]
    assert found == {"versionsCount": 2, "unchangedCount": 0, "downstreamCount": 3, "mending": mending}
    (fact,) = recorded(workspace, VersionsRetracted)
    why = 'why(asset: "orders", partition: "2026-01-02") { barred { version reason position } }'
    barred = {"version": fact.versions[1].version, "reason": "wrong feed", "position": position}
    assert api.environment(why)["why"] == {"barred": barred}
    assert fact.reason == "wrong feed"
    flags = '{ project(asOf: %s) { environment { asset(key: "orders") { flags } } } }'
    assert api(flags % position)["project"]["environment"]["asset"]["flags"] == ["RETRACTED"]
    again = acts.done(
        "retract", f'version: "{fact.versions[0].version}", reason: "again"', "Corrected", "unchangedCount"
    )
    assert again["unchangedCount"] == 1
    undone = acts.done("undoRetract", f'version: "{run}"', "Corrected", "versionsCount")
    assert undone["versionsCount"] == 2
    assert api.environment(why)["why"] == {"barred": None}
    assert api(flags % undone["position"])["project"]["environment"]["asset"]["flags"] == []
    assert len(recorded(workspace, RetractionUndone)) == 1


def test_what_mends_a_retraction_is_what_a_run_of_all_that_is_stale_would_do(api, acts, made, workspace, load):
    made()
    run = made(selection="total", force=True).run
    deploy_loaded(workspace, load(SHOP.replace("int(partition[-2:])", "int(partition[-2:]) + 0")))
    foreseen = retract(workspace, run, reason="wrong", dry_run=True).reach.plans["prod"].counts
    counts = "run depends reuse blocked"
    given = f'version: "{run}", reason: "wrong"'
    (mending,) = acts.done("retract", given, "Corrected", f"mending {{ {counts} }}")["mending"]
    preview = api.environment(f'planPreview(selection: "status:stale") {{ counts {{ {counts} }} }}')["planPreview"]
    assert mending == preview["counts"] == {"run": 4, "depends": 5, "reuse": 0, "blocked": 0}
    assert {action: foreseen[Action[action.upper()]] for action in counts.split()} == mending


def test_what_mends_it_is_planned_as_far_as_it_is_asked_for(acts, made, workspace, monkeypatch):
    run, planned = made().run, []
    for name in ("dev", "test"):
        create(workspace, name)

    def make(workspace, *given):
        planned.append(workspace.environment)
        return make_plan(workspace, *given)

    monkeypatch.setattr(downstream, "make_plan", make)
    acts.done("retract", f'version: "{run}", reason: "wrong"', "Corrected", "versionsCount")
    assert planned == []
    monkeypatch.setattr(heads, "_MENDED_MAX", 2)
    found = acts.done("retract", f'version: "{run}", reason: "wrong"', "Corrected", "mending { environment run }")
    assert [each["environment"] for each in found["mending"]] == planned == ["dev", "prod"]


def test_what_would_mend_it_is_said_of_assets_that_are_called_like_words_of_the_language(made, workspace):
    source = """
        @asset(key="or")
        def first() -> int:
            return 1

        @asset(key="7")
        def second() -> int:
            return 2
    """
    run = made(source).run
    plan = retract(workspace, run, reason="wrong", rerun=True, dry_run=True).reach.plans["prod"]
    assert plan.counts[Action.RUN] == 2


def test_what_others_make_is_retracted_where_nothing_is_made(acts, workspace, load):
    deploy_loaded(workspace, load("from latewood.external import external_asset\n\nfeed = external_asset('feed')"))
    acts.done("reportMaterialization", 'asset: "feed", dataVersion: "bad"', "MaterializationReported", "__typename")
    seen = recorded(workspace, AssetObserved)[-1]
    given = f'version: "{seen.version}", reason: "wrong"'
    found = acts.done("retract", given, "Corrected", "versionsCount mending { environment run blocked }")
    assert (found["versionsCount"], found["mending"]) == (1, [{"environment": "prod", "run": 0, "blocked": 0}])
    assert len(recorded(workspace, VersionsRetracted)) == 1


def test_what_cannot_be_retracted_says_why(acts, made):
    run = made().run
    for field, arguments, type_ in (
        ("retract", 'version: "zzz.0", reason: "r"', "VersionNotFound"),
        ("retract", f'version: "{run}", asset: "totl", reason: "r"', "AssetNotFound"),
        ("retract", f'version: "{run}", partition: "2027-01-01", reason: "r"', "InvalidInput"),
        ("retract", f'version: "{run}", reason: " "', "InvalidInput"),
        ("retract", f'version: "{run}.x", reason: "r"', "InvalidInput"),
        ("retract", f'version: "{run}", reason: "{"r" * 70_000}"', "InvalidInput"),
        ("undoRetract", f'version: "{run}"', "VersionNotFound"),
    ):
        found = acts.refused(field, arguments)
        assert found[0] == type_, (arguments[:80], found)


# ── pins ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_parameter_is_pinned_and_given_its_default_again(api, acts, made, workspace):
    made()
    shown = "changed { asset name before after }"
    pin = ("pin", 'parameters: {name: "total.unit", value: "pound"}', "ParametersPinned", shown)
    found = acts.done(*pin)
    assert found["changed"] == [{"asset": "total", "name": "unit", "before": "euro", "after": "pound"}]
    assert not acts.done(*pin)["changed"]
    pins = "{ project { environment { pins { totalCount nodes { asset name value actor position } } } } }"
    (pinned,) = api(pins)["project"]["environment"]["pins"]["nodes"]
    assert (pinned["name"], pinned["value"], pinned["position"]) == ("unit", "pound", found["position"])
    (fact,) = recorded(workspace, ParameterPinned)
    assert (fact.environment, fact.parameter, fact.value) == ("prod", "unit", "pound")
    status = '{ project(asOf: %s) { environment { asset(key: "total") { status causes { cause } } } } }'
    asset = api(status % found["position"])["project"]["environment"]["asset"]
    assert asset == {"status": "STALE", "causes": [{"cause": "PARAMETERS"}]}
    found = acts.done("unpin", 'parameters: "total.unit"', "ParametersPinned", shown)
    assert found["changed"] == [{"asset": "total", "name": "unit", "before": "pound", "after": None}]
    assert api(pins)["project"]["environment"]["pins"]["totalCount"] == 0
    assert api(status % found["position"])["project"]["environment"]["asset"]["status"] == "FRESH"


def test_what_a_parameter_is_here_is_said_of_every_asset_of_its_step(api, acts, made):
    made("""
        @asset(outputs={"low": int, "high": int})
        def parted(*, depth: int = 1, width: int = 2) -> dict[str, int]:
            return {"low": depth, "high": width}
    """)
    acts.done("pin", 'parameters: {name: "parted/low.depth", value: 9}', "ParametersPinned", "changed { name }")
    found = api.environment("assets { nodes { key parameters { name default pinned standing } } }")["assets"]["nodes"]
    here = [
        {"name": "depth", "default": 1, "pinned": True, "standing": 9},
        {"name": "width", "default": 2, "pinned": False, "standing": 2},
    ]
    assert {asset["key"]: asset["parameters"] for asset in found} == {"parted/low": here, "parted/high": here}


def test_what_cannot_be_pinned_says_why(acts, made):
    made()
    for field, arguments, type_ in (
        ("pin", 'parameters: {name: "totl.unit", value: "x"}', "AssetNotFound"),
        ("pin", 'parameters: [{name: "total.unit", value: "x"}, {name: "total.unt", value: "x"}]', "ParameterNotFound"),
        ("pin", 'parameters: {name: "total.unit", value: {a: [1]}}', "InvalidInput"),
        ("pin", 'parameters: {name: "unit", value: "x"}', "InvalidInput"),
        ("unpin", 'parameters: "total.unit"', "ParameterNotFound"),
    ):
        found = acts.refused(field, arguments)
        assert found[0] == type_, (arguments, found)


# ── reports ──────────────────────────────────────────────────────────────────────────────────────────────

OUTSIDE = """
    from latewood.external import external_asset

    feed = external_asset("feed", partitions=Daily("2026-01-01", end="2026-01-05"))
    rates = external_asset("rates")

    @asset
    def mine() -> int:
        return 1
"""

REPORT = 'asset: "feed", dataVersion: "v1", partition: "2026-01-01..2026-01-02", metadata: {rows: 7}'


@pytest.fixture
def outside(workspace, load):
    deploy_loaded(workspace, load(OUTSIDE))


def test_what_others_made_is_recorded_once_by_its_key(api, acts, outside, workspace):
    shown = "id versionsCount asset { key versions { totalCount } }"
    first = acts.done("reportMaterialization", f'{REPORT}, key: "load 7"', "MaterializationReported", shown)
    again = acts.done("reportMaterialization", f'{REPORT}, key: "load 7"', "MaterializationReported", shown)
    assert first["asset"] == {"key": "feed", "versions": {"totalCount": 2}}
    assert (again["id"], again["versionsCount"], again["asset"]) == (first["id"], 2, first["asset"])
    facts = recorded(workspace, AssetObserved)
    assert [(fact.partition, fact.metadata) for fact in facts] == [
        ("2026-01-01", {"rows": 7}),
        ("2026-01-02", {"rows": 7}),
    ]
    other = acts.refused("reportMaterialization", 'asset: "rates", dataVersion: "v1", key: "load 7"')
    assert other[0] == "Conflict"
    acts.done("reportMaterialization", REPORT, "MaterializationReported", "id")
    assert len(recorded(workspace, AssetObserved)) == 4, "without a key each is one of its own"


def test_of_many_that_tell_the_same_at_once_one_is_recorded(acts, outside, workspace):
    start = threading.Barrier(5)

    def tell(_):
        start.wait()
        return acts.done("reportMaterialization", f'{REPORT}, key: "at once"', "MaterializationReported", "id")

    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(tell, range(5)))
    assert len({each["id"] for each in found}) == 1
    assert len(recorded(workspace, AssetObserved)) == 2


def test_what_cannot_be_reported_says_why(acts, outside):
    for arguments, type_ in (
        ('asset: "fed", dataVersion: "v1"', "AssetNotFound"),
        ('asset: "mine", dataVersion: "v1"', "InvalidInput"),
        ('asset: "feed", dataVersion: "v1"', "InvalidInput"),
        ('asset: "rates", dataVersion: "v1", partition: "2026-01-01"', "InvalidInput"),
        ('asset: "feed", dataVersion: "v1", partition: "2027-01-01"', "InvalidInput"),
        ('asset: "rates", dataVersion: ""', "InvalidInput"),
        ('asset: "rates", dataVersion: "v1", metadata: [1]', "InvalidInput"),
    ):
        found = acts.refused("reportMaterialization", arguments)
        assert found[0] == type_, (arguments, found)
