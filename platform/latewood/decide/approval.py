"""What who approves a plan has seen of it, as a digest: the plan holds as long as that is the same."""

from collections.abc import Iterator, Mapping, Sequence

from latewood.decide.bearing import bearing_on
from latewood.decide.keys import digest
from latewood.decide.plan import Plan
from latewood.events import Action
from latewood.model.definitions import Catalog
from latewood.model.ordinals import Ordinals


def approval(asked: Sequence[str], catalog: Catalog, deployments: Mapping[str, str], made: Plan) -> str:
    """Digest of the request, the deployments, the parameters, the heads that were read, and what has steps.

    Not of the position: what others write elsewhere leaves it as it is. Whether a step turns out to run or to reuse
    what was made elsewhere is nothing to approve, since its result is the same.
    Cost: O(heads that were read).
    """
    parts = [digest(*asked), digest(made.state.environment), digest(*_in_order(deployments))]
    return digest(*parts, digest(*_tasks(made)), digest(*_heads(catalog, made)))


def _in_order(by_name: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(by_name):
        yield from (name, by_name[name])


def _tasks(made: Plan) -> Iterator[str]:
    """Of each task what it does with which parameters, and for which partitions; of what is left out that it is."""
    for task in made.tasks:
        groups = [group for group in task.groups if group.action not in (Action.FRESH, Action.BLOCKED)]
        steps = Ordinals.of_ranges(r for group in groups for r in group.ordinals.ranges)
        yield digest(task.node.logic, *task.node.ids, str(steps), str(task.ordinals(Action.BLOCKED)))
    yield from sorted(made.awaiting)


def _heads(catalog: Catalog, made: Plan) -> Iterator[str]:
    """The version of each partition, of all assets that bear on what is selected."""
    for id_ in sorted(made.state.ids[key] for key in bearing_on(catalog, made.request.selected)):
        yield id_
        for partition, facts in sorted(made.state.heads.get(id_, {}).items()):
            yield partition
            yield facts.version
