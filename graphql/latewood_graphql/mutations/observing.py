"""Looking at what is made elsewhere: the code of its location looks, in a process of its own."""

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import graphene

from latewood.commands.sightings import Observed
from latewood.commands.workspace import Workspace
from latewood.events import CheckEvaluated
from latewood.model.access import Role
from latewood.serving.observing import LOOKING_S, observe_deployed
from latewood_graphql.advice import for_callers
from latewood_graphql.fields import given, many
from latewood_graphql.mutations.acting import mutation, success
from latewood_graphql.mutations.turns import Turns
from latewood_graphql.scalars import Json

_LOOKING: Final = Turns("the server looks at external assets just now; ask again when it has", LOOKING_S)
_LISTED_MAX: Final = 1_000


class Look(graphene.ObjectType):
    """What was seen of an external asset, or of a partition of it; or why nothing was."""

    asset = graphene.ID(required=True, description="Key of the asset.")
    partition = graphene.String(required=True, description="The partition; empty where there is none.")
    data_version = graphene.String(description="What tells its content from another; null where nobody could say.")
    before = graphene.String(description="That of the head until then; null where it had none, or nobody could say.")
    is_new = graphene.Boolean(required=True, description="Whether the content is another one than before.")
    metadata = graphene.Field(Json, description="What was recorded of it; null where nobody could say.")
    error = graphene.String(description="What the look failed with; null where it did not.")
    message = graphene.String(description="What that says; null where it did not fail.")


class RefusedSight(graphene.ObjectType):
    """A check that did not pass for what was seen."""

    asset = graphene.ID(required=True, description="Key of the asset.")
    partition = graphene.String(
        required=True, description="The partition; empty where there is none.", resolver=given("verdict.partition")
    )
    check_name = graphene.String(required=True, description="The check.", resolver=given("verdict.check"))
    blocking = graphene.Boolean(
        required=True, description="Whether nobody reads what was seen.", resolver=given("verdict.blocking")
    )
    message = graphene.String(
        required=True, description="What it said.", resolver=lambda self, _info: _message(self.verdict)
    )
    metadata = graphene.Field(Json, required=True, description="What it recorded.", resolver=given("verdict.metadata"))


def _message(verdict: CheckEvaluated) -> str:
    failure = verdict.failure
    return verdict.message if failure is None else f"{failure.error}: {failure.message}"


AssetsObserved: Final = success(
    "AssetsObserved",
    "It was looked at external assets, and what was seen is recorded: it is their content from here on.",
    id=graphene.ID(
        required=True,
        description="The observation, by which the versions are named; with the logs of what was printed.",
        resolver=given("done.observation"),
    ),
    repeated=graphene.Boolean(
        required=True,
        description="Whether it had been asked for by the same key before, and this is what was seen then.",
        resolver=given("done.repeated"),
    ),
    new_count=graphene.Int(
        required=True,
        description="How many looks found another content than before, or the first one.",
        resolver=lambda self, _info: sum(seen.is_new for seen in self.done.seen),
    ),
    same_count=graphene.Int(
        required=True,
        description="How many found what was there before.",
        resolver=lambda self, _info: sum(not seen.is_new for seen in self.done.seen),
    ),
    failed_count=graphene.Int(
        required=True,
        description="How many failed: what was there before stays.",
        resolver=lambda self, _info: len(self.done.unseen),
    ),
    looks=many(
        Look,
        f"The looks: first those that failed, then what is new, then what is as before; {_LISTED_MAX:,} at most.",
        resolver=lambda self, _info: list(islice(_looks(self.done), _LISTED_MAX)),
    ),
    not_passed=many(
        RefusedSight,
        f"Checks that did not pass for what was seen, {_LISTED_MAX:,} at most.",
        resolver=lambda self, _info: [
            {"asset": each.key, "verdict": each.verdict} for each in self.done.not_passed[:_LISTED_MAX]
        ],
    ),
)


def _looks(done: Observed) -> Iterator[Mapping[str, Any]]:
    for failed in done.unseen:
        why = {"error": failed.failure.error, "message": for_callers(failed.failure.message)}
        yield {"asset": failed.key, "partition": failed.partition, "is_new": False, **why}
    for seen in sorted(done.seen, key=lambda each: not each.is_new):
        found = {"data_version": seen.data_version, "before": seen.before or None, "metadata": dict(seen.metadata)}
        yield {"asset": seen.key, "partition": seen.partition, "is_new": seen.is_new, **found}


def _observe(workspace: Workspace, *, selection: str, partition: str, key: str) -> Observed:
    with _LOOKING.turn(key, workspace.project, workspace.environment, selection, partition):
        return observe_deployed(workspace, selection, partition=partition, key=key, environ=os.environ)


class ObservingMutations:
    """What can be done with what is made elsewhere."""

    observe = mutation(
        "observe",
        _observe,
        Role.OPERATOR,
        AssetsObserved,
        "Look at external assets by their observers or IO, as they are deployed; their location's own Python does it. "
        "All that is seen is recorded together, and what reads an asset whose content is another one is stale then. "
        "Conflict while the server looks for somebody else, but for who asks for the same by the same `key`: they "
        "wait for it. What takes longer than a minute is refused: select less. An environment that is being built then "
        "is built all the same, for who asks again.",
        missing=("asset",),
        at_home=True,
        selection=graphene.String(
            required=True, description="Which: a selection by key, group, tag, owner or kind, as in `raw/*`."
        ),
        partition=graphene.String(required=True, default_value="", description="Which partitions; all by default."),
        key=graphene.String(
            required=True,
            default_value="",
            description="Your own name of this request: asked for again by the same one, it is what was seen then.",
        ),
    )
