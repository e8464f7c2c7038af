"""What is deployed, and what happens by itself."""

from latewood.commands.deploying import deploy_loaded

SCHEDULED = """
    from latewood.automation import Schedule

    @asset
    def a() -> int:
        return {number}

    daily = Schedule("daily", "a", cron="0 6 * * *", description="Every morning")
"""


def test_deployments_by_location_and_what_differs_between_two(api, workspace, load):
    deploy_loaded(workspace, load(SCHEDULED.format(number=1)))
    deploy_loaded(workspace, load(SCHEDULED.format(number=2) + "\n    @asset\n    def b() -> int:\n        return 1\n"))
    (location,) = api("""{ project { locations { name deployments { id assets changed environments actor } } } }""")[
        "project"
    ]["locations"]
    after, before = location["deployments"]
    assert (location["name"], after["environments"], before["environments"]) == ("assets.py", ["prod"], [])
    assert (before["assets"], after["assets"], after["actor"]) == (1, 2, "test")
    found = api(
        """
        query ($before: ID!, $after: ID!) {
          project {
            deploymentDifference(before: $before, after: $after) {
              before { id changed } after { id environments actor }
              added { kind name } removed { name } changed { name code { name } parts { what } }
            }
          }
        }
        """,
        before=before["id"][:8],
        after=after["id"],
    )["project"]["deploymentDifference"]
    assert found["before"] == {"id": before["id"], "changed": before["changed"]}
    assert found["after"] == {name: after[name] for name in ("id", "environments", "actor")}
    assert (found["added"], found["removed"]) == ([{"kind": "asset", "name": "b"}], [])
    assert ("a", [{"name": "assets.py:a"}]) in [(each["name"], each["code"]) for each in found["changed"]]


def test_what_happens_by_itself_says_what_it_is_and_whether_it_is_on(api, workspace, load):
    deploy_loaded(workspace, load(SCHEDULED.format(number=1)))
    (found,) = api.environment("automations { name kind description selection isOn definition location }")[
        "automations"
    ]
    assert (found["name"], found["kind"], found["isOn"]) == ("daily", "SCHEDULE", True)
    assert (found["definition"]["cron"], found["description"]) == ("0 6 * * *", "Every morning")


def test_what_is_no_deployment_is_said_so(api, workspace, load):
    deploy_loaded(workspace, load(SCHEDULED.format(number=1)))
    for wrong in ("", "zz", " ", "%"):
        ask = f'{{ project {{ deploymentDifference(before: "{wrong}", after: "{wrong}") {{ added {{ name }} }} }} }}'
        (error,) = api.errors(ask)
        assert error["extensions"]["code"] == "BAD_INPUT", error
