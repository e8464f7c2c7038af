"""Asking for runs through the API, as previewed and once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.acts import Acts
from api.conftest import SHOP
from crash.conftest import facts_of, lose_code, within  # noqa: F401 - a fixture
from latewood.commands.deploying import deploy_loaded
from latewood.events import RunCancelRequested, RunRequested

RUN = "run { id status selection partitions }"


@pytest.fixture
def acts(api):
    return Acts(api)


@pytest.fixture
def deployed(workspace, load):
    """Deploys what a source defines, and runs nothing."""

    def deploy(source=SHOP):
        return deploy_loaded(workspace, load(source))

    return deploy


def asked(workspace):
    return [fact for fact in facts_of(workspace.log) if isinstance(fact, RunRequested)]


def launch(acts, arguments="", shown=RUN, **variables):
    return acts.done("launch", arguments or 'selection: "*"', "Launched", f"repeated {shown}", **variables)


def preview(api, arguments="", shown="hash"):
    return api.environment(f"planPreview{f'({arguments})' if arguments else ''} {{ {shown} }}")["planPreview"]


# ── previews ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_preview_says_what_would_be_done_by_what_and_why(api, made):
    made(selection="orders,revenue", partition="2026-01-01..2026-01-02")
    made(SHOP.replace("* 10", "* 20"), selection="orders", partition="2026-01-01")
    found = preview(
        api,
        shown="""
            position steps counts { run depends reuse skip fresh blocked } refusal replaces { asset }
            estimate { p50Ms p90Ms samples unknownSteps } leftOut { totalCount }
            assets { totalCount nodes {
              assets trial groups { action partitions { text count } reasons { cause subject check } }
            } }
        """,
    )
    orders, revenue, total = found["assets"]["nodes"]
    assert orders["groups"] == [
        {"action": "FRESH", "partitions": {"text": "2026-01-01..2026-01-02", "count": 2}, "reasons": []},
        {
            "action": "RUN",
            "partitions": {"text": "2026-01-03..2026-01-04", "count": 2},
            "reasons": [{"cause": "MISSING", "subject": "", "check": ""}],
        },
    ]
    assert [(g["action"], g["partitions"]["text"], [r["cause"] for r in g["reasons"]]) for g in revenue["groups"]] == [
        ("RUN", "2026-01-01..2026-01-02", ["CODE"]),
        ("RUN", "2026-01-03..2026-01-04", ["MISSING"]),
    ]
    assert (total["assets"], total["trial"]) == (["total"], {})
    assert (found["steps"], found["counts"]["run"], found["counts"]["fresh"], found["counts"]["blocked"]) == (
        7,
        7,
        2,
        0,
    )
    assert (found["estimate"]["samples"], found["estimate"]["unknownSteps"]) == (4, 1)
    assert 0 < found["estimate"]["p50Ms"] <= found["estimate"]["p90Ms"]
    assert (found["refusal"], found["leftOut"]["totalCount"], found["replaces"]) == (None, 0, [])


def test_what_is_blocked_says_by_what(api, deployed):
    deployed()
    found = preview(
        api,
        'selection: "total"',
        "steps refusal leftOut { nodes { message unread neverMade } } assets { nodes { groups { action } } }",
    )
    assert found["assets"]["nodes"] == [{"groups": [{"action": "BLOCKED"}]}]
    (left,) = found["leftOut"]["nodes"]
    assert (left["unread"], left["neverMade"]) == (["revenue"], ["revenue"])
    assert found["refusal"].startswith("blocked:\n  total reads revenue")


def test_pages_of_a_preview_follow_each_other(api, deployed):
    deployed()
    first = preview(api, shown="assets(first: 2) { nodes { assets } pageInfo { endCursor hasNextPage } }")["assets"]
    assert ([node["assets"] for node in first["nodes"]], first["pageInfo"]["hasNextPage"]) == (
        [["orders"], ["revenue"]],
        True,
    )
    after = first["pageInfo"]["endCursor"]
    rest = preview(api, shown=f'assets(after: "{after}") {{ nodes {{ assets }} pageInfo {{ hasNextPage }} }}')["assets"]
    assert rest == {"nodes": [{"assets": ["total"]}], "pageInfo": {"hasNextPage": False}}


def test_a_preview_is_of_the_moment_that_is_asked_for(api, made, deployed):
    deployed()
    before = api("{ server { position } }")["server"]["position"]
    hash_ = preview(api)["hash"]
    made()
    ask = "{ project(asOf: %s) { environment { planPreview { hash steps } } } }"
    then = api(ask % before)["project"]["environment"]["planPreview"]
    now = api(ask % "null")["project"]["environment"]["planPreview"]
    assert then == {"hash": hash_, "steps": 9}
    assert now["steps"] == 0
    assert now["hash"] != hash_


def test_a_preview_of_what_is_unknown_is_an_error(api, deployed):
    deployed()
    (error,) = api.errors('{ project { environment { planPreview(selection: "totl") { hash } } } }')
    assert (error["extensions"]["code"], error["message"]) == ("BAD_INPUT", 'no asset "totl"; near: total')


# ── launching ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_launched_run_ends_and_is_seen(api, acts, deployed, within):  # noqa: F811 - a fixture
    deployed()
    with within():
        found = launch(acts)
        assert (found["run"]["status"], found["repeated"]) == ("QUEUED", False)
        id_ = found["run"]["id"]
        status, until = "QUEUED", time.monotonic() + 60
        while status in ("QUEUED", "RUNNING") and time.monotonic() < until:
            time.sleep(0.05)
            status = api(f'{{ project {{ run(id: "{id_}") {{ status }} }} }}')["project"]["run"]["status"]
    assert status == "SUCCEEDED"
    assert api.environment('asset(key: "total") { status head { run } }')["asset"] == {
        "status": "FRESH",
        "head": {"run": id_},
    }
    assert launch(acts)["run"] is None, "all is as it should be"


def test_what_was_written_is_there_at_the_position_that_is_told(api, acts, deployed):
    deployed()
    found = launch(acts, 'selection: "orders", partition: "2026-01-02", priority: 3', "run { id priority actor }")
    assert (found["run"]["priority"], found["run"]["actor"]) == (3, "test")
    ask = "{ project(asOf: %s) { runs { nodes { id } } } }"
    assert api(ask % found["position"])["project"]["runs"]["nodes"] == [{"id": found["run"]["id"]}]
    assert api(ask % (found["position"] - 2))["project"]["runs"]["nodes"] == []


def test_parameters_are_values_and_several_of_one_are_tried(api, acts, workspace, made):
    made()
    found = launch(
        acts,
        'selection: "total", parameters: [{name: "total.unit", values: ["pound", "yen"]}]',
        "run { id }",
    )
    (request,) = [fact for fact in asked(workspace) if fact.run == found["run"]["id"]]
    assert request.sweep == (({"total": {"unit": "pound"}}, {"total": {"unit": "yen"}}),)
    trials = preview(
        api,
        'selection: "total", parameters: [{name: "total.unit", values: ["pound", "yen"]}]',
        "assets { nodes { trial } }",
    )
    assert [node["trial"] for node in trials["assets"]["nodes"]] == [
        {"total.unit": '"pound"'},
        {"total.unit": '"yen"'},
    ]


def test_what_cannot_be_launched_says_why_as_a_type(acts, deployed):
    deployed()
    for arguments, type_, message in (
        ('selection: "totl"', "AssetNotFound", 'no asset "totl"; near: total'),
        ('selection: "total"', "PlanBlocked", "blocked:"),
        ('selection: "("', "InvalidInput", "selection, character 2"),
        ('selection: "orders", partition: "2027-01-01"', "InvalidInput", 'orders: partition "2027-01-01"'),
        ('selection: "*", environment: "pord"', "EnvironmentNotFound", 'no environment "pord"'),
        ('selection: "*", environment: "No"', "InvalidInput", 'environment "No"'),
        ('selection: "total", parameters: [{name: "total.u", values: [1]}]', "ParameterNotFound", '"total" has no'),
        ('selection: "+total", parameters: [{name: "total.unit", values: [1]}]', "InvalidInput", 'parameter "unit"'),
        (
            'selection: "*", parameters: [{name: "unit", values: [1]}]',
            "InvalidInput",
            'parameter "unit=1": expected ASSET',
        ),
        (
            'selection: "+total", parameters: [{name: "total.unit", values: []}]',
            "InvalidInput",
            'parameter "total.unit"',
        ),
        ('selection: "a\\u0000"', "InvalidInput", "selection: expected text"),
    ):
        found = acts.refused("launch", arguments)
        assert found[0] == type_, (arguments, found)
        assert found[1].startswith(message), (arguments, found)


def test_a_project_that_is_not_there_is_refused_as_in_queries(api, deployed):
    deployed()
    (error,) = api.errors('mutation { launch(project: "other") { __typename } }')
    assert error["extensions"]["code"] == "BAD_INPUT"


# ── approved plans ───────────────────────────────────────────────────────────────────────────────────────


CHANGED = "... on PlanChanged { preview { hash steps } }"


def test_what_was_approved_is_launched(api, acts, deployed):
    deployed()
    hash_ = preview(api, 'selection: "orders"')["hash"]
    found = launch(acts, f'selection: "orders", planHash: "{hash_}"')
    assert found["run"]["selection"] == "orders"


def test_an_approval_is_void_once_a_head_has_moved(api, acts, made, workspace):
    made(selection="orders", partition="2026-01-01")
    ask = 'selection: "orders", partition: "2026-01-01..2026-01-02", force: true'
    hash_ = preview(api, ask)["hash"]
    made(selection="orders", partition="2026-01-01", force=True)
    found = acts("launch", f'{ask}, planHash: "{hash_}"', CHANGED)
    assert found["__typename"] == "PlanChanged"
    assert found["message"].startswith("the plan is not what was approved: ")
    assert "or the hash is of another request" in found["message"]
    assert found["preview"] == {"hash": preview(api, ask)["hash"], "steps": 2}
    assert all(fact.selection != "orders" or fact.executor == "inline" for fact in asked(workspace))
    assert launch(acts, f'{ask}, planHash: "{found["preview"]["hash"]}"')["run"]["selection"] == "orders"


@pytest.mark.parametrize(
    "change",
    ["another request", "another partition", "a deployment", "a pin"],
)
def test_an_approval_binds_request_deployment_and_parameters(api, acts, made, deployed, change):
    made()
    arguments = 'selection: "total", force: true'
    hash_ = preview(api, arguments)["hash"]
    match change:
        case "another request":
            arguments = 'selection: "total", force: true, priority: 1'
        case "another partition":
            arguments = 'selection: "revenue", partition: "2026-01-01", force: true'
        case "a deployment":
            deployed(SHOP.replace("* 10", "* 20"))
        case "a pin":
            acts.done("pin", 'parameters: {name: "total.unit", value: "pound"}', "ParametersPinned", "changed { name }")
    assert acts.refused("launch", f'{arguments}, planHash: "{hash_}"')[0] == "PlanChanged"


def test_an_approval_does_not_bind_the_position(api, acts, made, deployed):
    deployed()
    hash_ = preview(api, 'selection: "orders"')["hash"]
    acts.done("createEnvironment", 'name: "dev"', "EnvironmentCreated", "environment { name }")
    assert preview(api, 'selection: "orders"')["hash"] == hash_
    assert launch(acts, f'selection: "orders", planHash: "{hash_}"')["run"]["status"] == "QUEUED"


def test_a_head_that_moves_while_an_approved_run_is_recorded_voids_it(api, acts, made, monkeypatch):
    from latewood.serving import asking  # noqa: PLC0415 - here alone

    made(selection="orders", partition="2026-01-01")
    ask = 'selection: "orders", partition: "2026-01-01", force: true'
    hash_, moved = preview(api, ask)["hash"], []
    as_before = asking.request_of

    def request_of(*given, **more):
        if not moved:  # between planning and recording
            moved.append(made(selection="orders", partition="2026-01-01", force=True))
        return as_before(*given, **more)

    monkeypatch.setattr(asking, "request_of", request_of)
    assert acts.refused("launch", f'{ask}, planHash: "{hash_}"')[0] == "PlanChanged"
    assert moved


# ── once ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_one_run_however_often_it_is_asked_for(acts, deployed, workspace):
    deployed()
    first = launch(acts, 'selection: "orders", key: "nightly-7"')
    again = launch(acts, 'selection: "orders", key: "nightly-7"')
    other = launch(acts, 'selection: "orders", key: "nightly-8"')
    assert (first["run"]["id"], first["repeated"], again["repeated"]) == (again["run"]["id"], False, True)
    assert other["run"]["id"] != first["run"]["id"]
    assert len(asked(workspace)) == 2
    type_, message = acts.refused("launch", 'selection: "revenue", key: "nightly-7"')
    assert (type_, message.startswith('key "nightly-7": run')) == ("Conflict", True)


def test_a_key_is_one_run_also_if_many_ask_at_once(acts, deployed, workspace):
    deployed()
    start = threading.Barrier(6)

    def ask(_):
        start.wait()
        return launch(acts, 'selection: "orders", key: "at once"')

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(ask, range(6)))
    assert len({each["run"]["id"] for each in found}) == 1
    assert sorted(each["repeated"] for each in found) == [False, *[True] * 5]
    assert len(asked(workspace)) == 1


# ── launch plans ─────────────────────────────────────────────────────────────────────────────────────────

PLANS = """
    @task
    def half(n: int) -> float:
        return n / 2

    @workflow
    def halving(n: int) -> float:
        return half(n)

    of_eight = LaunchPlan("of_eight", halving, fixed={"n": 8})
"""


def test_a_launch_plan_is_launched_by_its_name(api, acts, workspace, deployed):
    deployed(PLANS)
    arguments = 'name: "halving", inputs: [{name: "n", value: 6}]'
    hash_ = api.environment(f"launchPlanPreview({arguments}) {{ hash steps }}")["launchPlanPreview"]["hash"]
    found = acts.done("launchPlan", f'{arguments}, planHash: "{hash_}"', "Launched", "run { id }")
    acts.done("launchPlan", 'name: "of_eight"', "Launched", "run { id }")
    first, second = asked(workspace)
    assert (first.run, first.launch, first.parameters) == (found["run"]["id"], "halving", {"halving/half": {"n": 6}})
    assert (second.launch, second.parameters) == ("of_eight", {"halving/half": {"n": 8}})


def test_a_key_is_one_run_also_if_a_launch_plan_means_something_else_by_now(acts, workspace, deployed):
    deployed(PLANS)
    by_name, by_input = 'name: "of_eight", key: "a"', 'name: "halving", inputs: [{name: "n", value: 6}], key: "b"'
    runs = [acts.done("launchPlan", said, "Launched", "run { id }")["run"]["id"] for said in (by_name, by_input)]
    for source in (PLANS.replace("8", "9"), PLANS.replace("of_eight", "of_nine").replace("halving", "cutting")):
        deployed(source)
        for said, run in zip((by_name, by_input), runs, strict=True):
            again = acts.done("launchPlan", said, "Launched", "repeated run { id }")
            assert (again["repeated"], again["run"]["id"]) == (True, run)
    assert len(asked(workspace)) == 2
    other = by_input.replace("6", "7")
    type_, message = acts.refused("launchPlan", other)
    assert (type_, message.startswith('key "b": run')) == ("Conflict", True)


GRID = """
    @task
    def power(n: int, m: int) -> int:
        return n**m

    @workflow
    def powers(n: int, m: int = 2) -> int:
        return power(n, m)

    cubes = LaunchPlan("cubes", powers, fixed={"m": 3})
"""


@pytest.mark.parametrize(
    ("arguments", "trials"),
    [
        ('inputs: [{name: "n", values: [1, 2]}, {name: "m", values: [3, 4]}]', [(1, 3), (1, 4), (2, 3), (2, 4)]),
        ('inputs: [{name: "n", values: [1, 2]}, {name: "m", values: [3, 4]}], zipped: true', [(1, 3), (2, 4)]),
        ('inputs: [{name: "n", values: [1, 2]}, {name: "m", value: 5}], zipped: true', [(1, 5), (2, 5)]),
    ],
)
def test_several_values_of_inputs_are_tried_in_one_run(api, acts, workspace, deployed, arguments, trials):
    deployed(GRID)
    arguments = f'name: "powers", {arguments}'
    shown = "hash steps assets { nodes { assets trial } }"
    found = api.environment(f"launchPlanPreview({arguments}) {{ {shown} }}")["launchPlanPreview"]
    tried = [node["trial"] for node in found["assets"]["nodes"] if node["assets"] == ["powers/power"]]
    assert [(int(trial["powers/power.n"]), int(trial["powers/power.m"])) for trial in tried] == trials
    done = acts.done("launchPlan", f'{arguments}, planHash: "{found["hash"]}"', "Launched", "run { id }")
    (request,) = asked(workspace)
    assert (request.run, request.launch, request.zipped) == (done["run"]["id"], "powers", "zipped" in arguments)


def test_what_cannot_be_tried_says_why(acts, deployed):
    deployed(GRID)
    for arguments, message in (
        ('name: "cubes", inputs: [{name: "n", value: 1}, {name: "m", values: [1, 2]}]', "fixes m at 3"),
        ('name: "powers", inputs: [{name: "n", values: []}]', "expected a value, found none"),
        ('name: "powers", inputs: [{name: "n", value: 1, values: [1, 2]}]', "expected each once"),
        ('name: "powers", inputs: [{name: "n", values: [1]}, {name: "n", value: 2}]', "expected each once"),
        (
            'name: "powers", zipped: true, inputs: [{name: "n", values: [1, 2]}, {name: "m", values: [1, 2, 3]}]',
            "expected as many values of each",
        ),
    ):
        type_, found = acts.refused("launchPlan", arguments)
        assert (type_, message in found) == ("InvalidInput", True), found


def test_what_cannot_be_launched_by_name_says_why(acts, deployed):
    deployed(PLANS)
    assert acts.refused("launchPlan", 'name: "halvin"') == (
        "LaunchPlanNotFound",
        'nothing to launch is called "halvin"; near: halving',
    )
    for arguments in (
        'name: "of_eight", inputs: [{name: "n", value: 6}]',
        'name: "halving", inputs: [{name: "m", value: 6}]',
        'name: "halving", inputs: [{name: "n", value: "six"}]',
        'name: "halving"',
    ):
        assert acts.refused("launchPlan", arguments)[0] == "InvalidInput", arguments


# ── cancelling and retrying ──────────────────────────────────────────────────────────────────────────────


def test_a_run_is_cancelled_and_retried(api, acts, deployed, workspace, within):  # noqa: F811 - a fixture
    deployed("""
        @asset
        def first() -> int:
            return 1

        @asset
        def slow(first: int) -> int:
            time.sleep(30)
            return first
    """)
    id_ = launch(acts)["run"]["id"]
    found = acts.done("cancelRun", f'run: "{id_}"', "CancelAsked", "run { id }")
    assert found["run"]["id"] == id_
    acts.done("cancelRun", f'run: "{id_[:6]}"', "CancelAsked", "run { id }")
    keyed = f'run: "{id_}", key: "mine"'
    acts.done("cancelRun", keyed, "CancelAsked", "run { id }")
    assert [fact.run for fact in facts_of(workspace.log) if isinstance(fact, RunCancelRequested)] == [id_] * 2
    assert acts.refused("retryRun", f'run: "{id_}"')[0] == "Conflict", "it goes on"
    with within():
        until, status = time.monotonic() + 60, ""
        while status != "CANCELLED" and time.monotonic() < until:
            time.sleep(0.05)
            status = api(f'{{ project {{ run(id: "{id_}") {{ status }} }} }}')["project"]["run"]["status"]
    for arguments in (f'run: "{id_}"', f'run: "{id_}", key: "of another"'):
        assert acts.refused("cancelRun", arguments)[0] == "Conflict", "it has ended"
    assert acts.done("cancelRun", keyed, "CancelAsked", "run { status }")["run"]["status"] == "CANCELLED"
    again = acts.done("retryRun", f'run: "{id_}", key: "again"', "Launched", "repeated run { id }")
    twice = acts.done("retryRun", f'run: "{id_}", key: "again"', "Launched", "repeated run { id }")
    assert (again["run"], again["repeated"], twice["repeated"]) == (twice["run"], False, True)
    assert [fact.rerun_of for fact in asked(workspace)] == ["", id_]


def test_code_that_is_gone_from_the_store_is_a_conflict_and_nothing_is_asked_for(acts, deployed, workspace, made):
    run = made("@asset\ndef broken() -> int:\n    raise ValueError\n").run
    lose_code(workspace)
    for field, arguments in (("launch", 'selection: "*"'), ("retryRun", f'run: "{run}"')):
        type_, message = acts.refused(field, arguments)
        assert (type_, "is not in the artifact store any more" in message) == ("Conflict", True)
    assert [fact.run for fact in asked(workspace)] == [run]


def test_a_run_that_is_not_there_is_neither_cancelled_nor_retried(acts, made):
    run = made().run
    for field in ("cancelRun", "retryRun"):
        assert acts.refused(field, 'run: "zzzzzzzzzzzz"')[0] == "RunNotFound"
        assert acts.refused(field, f'run: "{run}"')[0] == "Conflict", "it has finished"


def test_what_is_advised_is_what_the_api_has(api, acts, deployed):
    deployed()
    for asked_, said in (
        ('environment { asset(key: "zzzz") { key } }', 'no asset "zzzz"; `assets` lists them'),
        ('run(id: "zzzz") { id }', 'run "zzzz": no such run; `runs` lists them'),
    ):
        (error,) = api.errors(f"{{ project {{ {asked_} }} }}")
        assert error["message"] == said
    _, message = acts.refused("cancelRun", 'run: "zzzz"')
    assert message == 'run "zzzz": no such run; `runs` lists them'
    _, message = acts.refused("launch", 'selection: "orders", partition: "x", environment: "dve"')
    assert message == 'no environment "dve", only prod; `createEnvironment` begins it'
