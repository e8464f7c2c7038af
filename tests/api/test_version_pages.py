"""Versions of an asset, page by page: what is said of one does not depend on the page that it is on."""

import time

from api.acts import Acts
from crash.conftest import within  # noqa: F401 - a fixture
from latewood.commands.deploying import deploy_loaded

# A check ends when another one has begun, or has before: what that one judges was made by then.
CHECKED_LATER = """
    @asset(partitions=Daily("2026-01-01", end="2026-01-05"))
    def daily(partition: PartitionKey) -> int:
        return int(partition[-2:])

    @check(daily, blocking=True)
    def is_small(daily: int) -> bool:
        begun, until = Path({begun!r}), time.monotonic() + 60
        (begun / str(daily)).touch()
        while len(list(begun.iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        return daily < 4
"""
ASK = """query ($first: Int!, $after: String) {
  project { environment { asset(key: "daily") {
    versions(first: $first, after: $after) { nodes { position isAccepted } pageInfo { endCursor hasNextPage } }
  } } }
}"""


def ended(api, run):
    until = time.monotonic() + 60
    while (
        api("query ($run: ID!) { project { run(id: $run) { endedAt } } }", run=run)["project"]["run"]["endedAt"] is None
    ):
        assert time.monotonic() < until
        time.sleep(0.1)


def pages(api, first):
    after, has_next = None, True
    while has_next:
        found = api(ASK, first=first, after=after)["project"]["environment"]["asset"]["versions"]
        yield from found["nodes"]
        after, has_next = found["pageInfo"]["endCursor"], found["pageInfo"]["hasNextPage"]


def test_pages_one_after_the_other_are_the_list(api, workspace, load, within, tmp_path):  # noqa: F811 - a fixture
    (tmp_path / "begun").mkdir()
    deploy_loaded(workspace, load(CHECKED_LATER.format(begun=str(tmp_path / "begun"))))
    run = Acts(api).done("launch", 'selection: "*"', "Launched", "run { id }")["run"]["id"]
    with within():
        ended(api, run)
    made, accepted = (
        [event.position for event in workspace.log.read_all(project="default") if event.type == type_]
        for type_ in ("step.succeeded", "version.accepted")
    )
    assert min(accepted) > sorted(made)[1], "a version was accepted after another one had been made"
    whole = list(pages(api, 50))
    assert sorted(node["isAccepted"] for node in whole) == [False, True, True, True]
    for first in (1, 2, 3):
        assert list(pages(api, first)) == whole
