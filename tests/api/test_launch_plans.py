"""What can be launched by name says what it takes."""

from latewood.commands.deploying import deploy_loaded

SOURCE = """
    @task
    def half(n: int) -> int:
        return n // 2

    @workflow
    def halving(n: int, note: str = "none") -> int:
        '''Halves a number.'''
        return half(n)

    of_eight = LaunchPlan("of_eight", halving, fixed={"n": 8}, defaults={"note": "eight"}, description="Of eight.")

    @asset
    def scaled(*, scale: int = 2, unit: str = "m") -> int:
        return scale

    large = LaunchPlan("large", "scaled", defaults={"scaled.scale": 100})
"""

PLANS = """
    launchPlans { totalCount nodes {
      name location isWorkflow workflow selection description
      inputs { name jsonSchema default required isFixed }
    } }
"""


def test_each_says_its_workflow_and_its_inputs_as_json_schema(api, workspace, load):
    deploy_loaded(workspace, load(SOURCE))
    found = api.environment(PLANS)["launchPlans"]
    halving, large, of_eight = found["nodes"]
    assert (found["totalCount"], halving["name"], halving["isWorkflow"]) == (3, "halving", True)
    assert (halving["selection"], halving["description"], halving["location"]) == (
        "halving/*",
        "Halves a number.",
        "assets.py",
    )
    whole, text = {"type": "integer"}, {"type": "string"}
    assert halving["inputs"] == [
        {"name": "n", "jsonSchema": whole, "default": None, "required": True, "isFixed": False},
        {"name": "note", "jsonSchema": text, "default": "none", "required": False, "isFixed": False},
    ]
    assert (of_eight["workflow"], of_eight["isWorkflow"], of_eight["description"]) == ("halving", False, "Of eight.")
    assert of_eight["inputs"] == [
        {"name": "n", "jsonSchema": whole, "default": 8, "required": False, "isFixed": True},
        {"name": "note", "jsonSchema": text, "default": "eight", "required": False, "isFixed": False},
    ]
    assert (large["workflow"], large["selection"]) == (None, "scaled")
    assert large["inputs"] == [
        {"name": "scaled.scale", "jsonSchema": whole, "default": 100, "required": False, "isFixed": False}
    ]


def test_they_are_those_of_the_moment(api, workspace, load):
    deploy_loaded(workspace, load(SOURCE))
    then = workspace.log.position()
    deploy_loaded(workspace, load(SOURCE.replace("of_eight", "of_ate").replace('fixed={"n": 8}', 'fixed={"n": 9}')))
    ask = """query ($at: Moment) { project(asOf: $at) { environment {
        launchPlans(first: 1, name: "of_eight") { nodes { inputs { default } } } } } }"""

    def eight(at):
        return api(ask, at=at)["project"]["environment"]["launchPlans"]["nodes"]

    assert eight(None) == []
    assert eight(then) == [{"inputs": [{"default": 8}, {"default": "eight"}]}]


def test_pages_go_on_behind_each_other(api, workspace, load):
    deploy_loaded(workspace, load(SOURCE))
    names, after = [], None
    for _ in range(2):
        ask = "query ($a: String) { project { environment { launchPlans(first: 2, after: $a) {"
        page = api(f"{ask} nodes {{ name }} pageInfo {{ endCursor hasNextPage }} }} }} }} }}", a=after)
        page = page["project"]["environment"]["launchPlans"]
        names += [node["name"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert (names, page["pageInfo"]["hasNextPage"]) == (["halving", "large", "of_eight"], False)
