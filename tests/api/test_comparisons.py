"""Versions side by side, as columns."""

from sqlalchemy import event

FIT = """
    @asset
    def fit(*, depth: int = 1) -> dict[str, float]:
        return {"error": 10.0 / depth, "depth": depth}

    @asset
    def report(fit: dict[str, float]) -> str:
        return str(fit)
"""

DAY = """
    @asset(partitions=Daily("2026-01-01", end="2026-01-03"))
    def day(partition: PartitionKey, *, unit: str = "euro") -> str:
        return unit
"""

COLUMNS = """
    nodes { id parameters } isHead isRetracted considered parameters { name values } metrics { name values }
"""


def compared(api, how="", key="fit"):
    return api.environment(f'asset(key: "{key}") {{ comparison{how} {{ {COLUMNS} }} }}')["asset"]["comparison"]


def swept(made):
    made(FIT)
    made(FIT, selection="fit", parameters=("fit.depth=2,4,3",))


def test_variants_are_columns_of_parameters_and_metrics(api, made):
    swept(made)
    found = compared(api, '(by: "error", lowest: true)')
    assert [node["parameters"]["depth"] for node in found["nodes"]] == [4, 3, 2, 1]
    assert found["parameters"] == [{"name": "fit.depth", "values": [[4], [3], [2], [1]]}]
    metrics = {metric["name"]: metric["values"] for metric in found["metrics"]}
    assert metrics["error"] == [2.5, 10 / 3, 5.0, 10.0]
    assert found["isHead"] == [False, False, False, True]
    assert (found["isRetracted"], found["considered"]) == ([False] * 4, 4)
    assert len(compared(api, '(by: "error", first: 2)')["nodes"]) == 2


def test_of_a_run_there_is_what_it_made_and_what_it_took_in_place_of_making_it(api, made):
    swept(made)
    then = api.workspace.log.position()
    again = made(FIT, selection="fit", parameters=("fit.depth=4,5",)).run
    assert [node["parameters"]["depth"] for node in compared(api, f'(run: "{again}")')["nodes"]] == [5, 4]
    found = compared(api, f'(run: "{again[:8]}", by: "error", first: 1)')
    assert ([node["parameters"]["depth"] for node in found["nodes"]], found["considered"]) == ([4], 2)
    ask = f"""{{ project(asOf: {then}) {{ environment {{ asset(key: "fit") {{
        comparison(run: "{again}") {{ considered }} }} }} }} }}"""
    (error,) = api.errors(ask)
    assert error["extensions"]["missing"] == "run"
    begun = api(f'{{ project {{ run(id: "{again}") {{ requestedPosition }} }} }}')["project"]["run"][
        "requestedPosition"
    ]
    assert api(ask.replace(f"asOf: {then}", f"asOf: {begun}"))["project"]["environment"]["asset"] == {
        "comparison": {"considered": 0}
    }


def test_too_many_comparisons_are_refused_before_any_run_is_looked_for(api, made):
    run = made(FIT).run
    some = [f'c{n}: comparison(run: "{run}", first: {n + 1}) {{ considered }}' for n in range(6)]
    sent = []
    event.listen(api.service.reader.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    for errors in (some, [some[0], some[1].replace(run, "no such")]):
        sent.clear()
        answer = api.post(f'{{ project {{ environment {{ asset(key: "fit") {{ {" ".join(errors)} }} }} }} }}').json()
        found = answer["data"]["project"]["environment"]["asset"]
        if errors is some:
            assert set(found.values()) == {None}
            assert not [text for text in sent if "FROM runs" in text]
        else:
            assert found == {"c0": {"considered": 1}, "c1": None}, "who asks for another run is answered"


def test_at_a_moment_there_are_those_of_then(api, made):
    made(FIT)
    then = api.workspace.log.position()
    swept(made)
    ask = """query ($at: Moment) { project(asOf: $at) { environment { asset(key: "fit") {
        comparison { considered isHead position } } } } }"""
    found = api(ask, at=then)["project"]["environment"]["asset"]["comparison"]
    assert found == {"considered": 1, "isHead": [True], "position": then}


def test_who_sorts_by_what_is_no_metric_is_told(api, made):
    swept(made)
    (error,) = api.errors(
        '{ project { environment { asset(key: "fit") { comparison(by: "errors") { considered } } } } }'
    )
    assert 'no version of "fit" has a metric "errors"; near: error' in error["message"]


def test_an_asset_was_made_when_its_newest_head_was_and_not_when_a_variant_was(api, made):
    source = FIT + DAY
    made(source, selection="fit")
    made(source, selection="day", partition="2026-01-01")
    made(source, selection="day", partition="2026-01-02")
    assets = """
        fit: asset(key: "fit") { madeAt head { madeAt } }
        day: asset(key: "day") { madeAt head(partition: "2026-01-02") { madeAt } }
    """
    for most in (4, 15):  # with so many nothing of the environment is among the latest
        made(source, selection="fit", parameters=(f"fit.depth={','.join(map(str, range(2, most)))}",))
        made(source, selection="day", partition="2026-01-01", parameters=(f"day.unit={most}",))
        found = api.environment(assets)
        for asset in ("fit", "day"):
            assert found[asset]["madeAt"] == found[asset]["head"]["madeAt"] is not None


def test_an_asset_was_made_when_its_newest_value_was_computed_whenever_that_was_taken(api, made):
    source = """
        @asset({name}partitions=Daily("2026-01-01", end="2026-01-0{end}"))
        def first(partition: PartitionKey) -> str:
            return partition
    """
    first, second = source.format(name="", end=3), source.format(name='key="second", ', end=3)
    made(first, partition="2026-01-01")
    made(second, partition="2026-01-02")
    made(second, partition="2026-01-01")  # of what `first` has, which is as old as that

    def found(key="second"):
        heads = "old: head(partition: $one) { madeAt position } new: head(partition: $two) { madeAt position }"
        ask = f'query ($one: String!, $two: String!) {{ project {{ environment {{ asset(key: "{key}") {{ madeAt {heads}'
        return api(f"{ask} }} }} }} }}", one="2026-01-01", two="2026-01-02")["project"]["environment"]["asset"]

    there = found()
    assert there["old"]["position"] > there["new"]["position"]
    assert there["madeAt"] == there["new"]["madeAt"] > there["old"]["madeAt"]
    made(source.format(name='key="second", ', end=2), selection="second")
    assert found()["madeAt"] == there["old"]["madeAt"], "what is no partition any more is not made either"
