"""What an environment has at a position: heads, status and flags, read in one snapshot."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from latewood.commands.failures import failures
from latewood.commands.places import Seen, Watched, brought_here, look_at, places_at, watched, with_places
from latewood.commands.views import PRESENT, AsOf, View, foreseen_view, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.actions import verdict_of
from latewood.decide.awaiting import awaiting
from latewood.decide.bearing import NAMED_MAX, bearing_on, partitions_bearing
from latewood.decide.contents import NamedPaths, named_paths
from latewood.decide.reasons import Cause
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.decide.staleness import Assessed, Status, assess, waiting_for_absent
from latewood.decide.state import Heads, Retracted, State, VersionFacts, counted_as, with_carried
from latewood.engine.loading.loaded import Loaded
from latewood.errors import UsageError
from latewood.model.definitions import AssetDefinition, Catalog, CheckDefinition
from latewood.model.keys import AssetId, AssetKey, PartitionKey, VersionId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import is_partition, ordinal_of
from latewood.projections.carried import carried_over
from latewood.projections.retractions import retractions
from latewood.projections.snapshots import Snapshot, snapshot, uncollected
from latewood.projections.states import NOW, Verdict, heads, never_made, refusals, verdict_keys
from latewood.projections.tried import ran_partitions, running_partitions
from latewood.projections.versions import contents_seen
from latewood_eventlog.records import Position

T = TypeVar("T")

Flag = Literal["failed", "running", "waiting", "retracted", "absent"]
"""What may be true of an asset besides its status."""


Looked = Mapping[str, str | None]
"""Content hashes of files and folders by path; None where there is nothing."""

Judged = tuple[CheckDefinition, AssetDefinition, AssetId, VersionFacts]
"""A check, the asset that it is of, and a version that it may have judged."""

About = Callable[[View], Collection[AssetKey]]
"""Which assets are asked about, once it is known which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """How assets of an environment stand at a position. The view is whole, all else is of what was asked about.

    `awaiting` are assets that wait for values of parameters, `waiting` those that wait for an absent optional output.
    `made_at` says of each asset that has heads when what is in the newest of them was computed, as far as its scheme
    has the partition.
    """

    view: View
    assessed: dict[AssetKey, Assessed]
    failed: Mapping[tuple[AssetId, PartitionKey], Position]
    running: Mapping[tuple[AssetId, PartitionKey], Position]
    awaiting: Mapping[AssetKey, tuple[str, ...]]
    waiting: frozenset[AssetKey] = frozenset()
    made_at: Mapping[AssetKey, datetime] = field(default_factory=dict)
    worked_out: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, name: str, work_out: Callable[[], T]) -> T:
        """What is worked out from it the first time that somebody asks. Not of its position and instant: these move."""
        if name not in self.worked_out:
            self.worked_out[name] = work_out()
        found: T = self.worked_out[name]
        return found

    def flags(self, key: AssetKey) -> tuple[Flag, ...]:
        """What is true of the asset besides its status."""
        return self.all_flags([key])[key]

    def all_flags(self, keys: Iterable[AssetKey]) -> dict[AssetKey, tuple[Flag, ...]]:
        """The same of many. Cost: O(keys), after O(failed + running) once."""
        failed = self.once("failed", lambda: {asset for asset, _ in self.failed})
        running = self.once("running", lambda: {asset for asset, _ in self.running})
        plain = not (failed or running or self.waiting)
        found: dict[AssetKey, tuple[Flag, ...]] = {}
        for key in keys:
            if plain and not self.assessed[key].by_reasons:  # most of ten thousand
                found[key] = ()
            else:
                id_ = self.view.ids[key]
                found[key] = self._flags(key, id_ in failed, id_ in running)
        return found

    def _flags(self, key: AssetKey, failed: bool, running: bool) -> tuple[Flag, ...]:  # noqa: FBT001 - as above
        assessed = self.assessed[key]
        causes = {r.cause for rs in assessed.by_reasons for r in rs if r.subject == key}
        awaits = key in self.awaiting and assessed.status is not Status.FRESH
        found: dict[Flag, bool] = {
            "failed": Cause.REFUSED in causes or failed,
            "running": running,
            "waiting": awaits or key in self.waiting,
            "retracted": Cause.RETRACTED in causes,
            "absent": Cause.ABSENT in causes,
        }
        return tuple(flag for flag, is_so in found.items() if is_so)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Assessment):
    """A consistent reading of an environment: everything from one snapshot of the database.

    State and assessment are of the assets that were asked about and what bears on them.
    """

    state: State


def everything(view: View) -> Collection[AssetKey]:
    """All assets there are."""
    return view.catalog.assets


def read(workspace: Workspace, as_of: AsOf = PRESENT, loaded: Loaded | None = None, about: About = everything) -> Read:
    """View, state and assessment at a moment. Raises and costs what `reading` does."""
    with reading(workspace, as_of, loaded, about) as (_, found):
        return found


@contextmanager
def reading(
    workspace: Workspace,
    as_of: AsOf = PRESENT,
    loaded: Loaded | None = None,
    about: About = everything,
    view: View | None = None,
) -> Iterator[tuple[Snapshot, Read]]:
    """The same, with the snapshot that it is from, so that more can be asked of it. `loaded` as in `foreseen_view`.

    Only what bears on the assets that are asked about is read, beside the definitions; these, too, unless a `view` is
    given that knows them all.

    Files, and places where IO stores values, are looked at before the snapshot is taken, since that may take longer
    than a transaction may rest; if it shows that there are others by now, again.

    Raises UsageError for a position that is not in the log, for an environment that is not the project's, and for a
    file that cannot be read; DefinitionsInvalid as deploying does; and what `about` raises. Cost: O(assets + heads that
    bear on those asked about), and reading their files.
    """
    given, looked, seen = view, dict[str, str | None](), dict[str, str | None]()
    while True:
        with snapshot(workspace.log) as connection:
            with uncollected():
                if given is not None:
                    view = given
                elif loaded is not None:
                    view = foreseen_view(connection, workspace, loaded)
                else:
                    view = read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
                part = narrowed(view, bearing_on(view.catalog, about(view)))
                named = named_paths(part.catalog)
                unseen = _here(part, named) - looked.keys()
                places = places_here(connection, workspace, part).unseen(seen)
                complete = not unseen and not places.versions
                found = _read(connection, workspace, view, part, named, looked, seen) if complete else None
            if found is not None:
                yield connection, found
                return
        looked = {**looked, **_look(workspace, view, unseen)}
        seen = {**seen, **look_at(places, view.root, workspace.home, loaded)}


def narrowed(view: View, keys: Collection[AssetKey]) -> View:
    """The view of these assets alone, among which is all that they read."""
    if len(keys) == len(view.catalog):
        return view
    return replace(view, catalog=Catalog.of(asset for key, asset in view.catalog.assets.items() if key in keys))


def _read(
    connection: Snapshot,
    workspace: Workspace,
    view: View,
    part: View,
    named: NamedPaths,
    looked: Looked,
    seen: Seen,
) -> Read:
    as_of = view.as_of
    state = state_at(connection, workspace, part, view.now, named, looked, seen)
    assessed = assess(part.catalog, state)
    where = connection, workspace.project, workspace.environment
    return Read(
        view=view,
        state=state,
        assessed=assessed,
        failed=failures(connection, workspace, part.catalog, state, assessed),
        running=running_partitions(*where) if as_of >= NOW else ran_partitions(*where, as_of),
        awaiting=awaiting(view.catalog, {}),
        waiting=waiting_for_absent(part.catalog, assessed, state),
    )


def select_keys(found: Assessment, selection: str) -> tuple[AssetKey, ...]:
    """The assets a selection names, in topological order; `status:` knows the flags too."""
    catalog = found.view.catalog
    return select(
        parse(selection),
        catalog.graph,
        catalog.assets,
        lambda key: (found.assessed[key].status.value, *found.flags(key)),
    )


def of_status(found: Assessment, keys: Collection[AssetKey], status: str) -> dict[AssetKey, Ordinals]:
    """The partitions of these assets that are missing, stale or failed, where there are any."""
    chosen: dict[AssetKey, Ordinals] = {}
    for key in keys:
        assessed = found.assessed[key]
        if status == "failed":
            ordinals = ordinals_in(found.view, key, found.failed)
            for reasons, refused in assessed.by_reasons.items():
                if any(reason.cause is Cause.REFUSED and reason.subject == key for reason in reasons):
                    ordinals |= refused
        else:
            ordinals = assessed.by_status.get(Status(status), Ordinals())
        if ordinals:
            chosen[key] = ordinals
    return chosen


def ordinals_in(view: View, key: AssetKey, slots: Iterable[tuple[AssetId, PartitionKey]]) -> Ordinals:
    """The partitions of the asset that there are among these of many assets."""
    id_, scheme = view.ids[key], view.catalog[key].partitions
    return Ordinals.of(ordinal_of(scheme, name) for of, name in slots if of == id_ and is_partition(scheme, name))


def keys_to_look_at(view: View, selection: str) -> Collection[AssetKey]:
    """The assets a selection names, or all if it asks for `status:`. Raises UsageError."""
    asked = parse(selection)
    if uses_status(asked) or not len(view.catalog):
        return everything(view)
    return select(asked, view.catalog.graph, view.catalog.assets)


def heads_read(
    connection: Snapshot,
    workspace: Workspace,
    assets: Sequence[AssetId],
    as_of: Position,
    only: Mapping[AssetId, Collection[PartitionKey]] = MappingProxyType({}),
) -> Heads:
    """The environment's heads of these assets by partition, with those that were carried over to another one.

    Of the assets in `only` those that count for these partitions.
    """
    carried = carried_over(connection, workspace.project, assets, as_of)
    to_named = [entry for entry in carried if entry.asset in only]
    if to_named:
        of = {entry.asset: [e for e in to_named if e.asset == entry.asset] for entry in to_named}
        only = {**only, **{asset: counted_as(only[asset], entries) for asset, entries in of.items()}}
    return with_carried(heads(connection, workspace.project, workspace.environment, assets, as_of, only), carried)


def heads_here(
    connection: Snapshot,
    workspace: Workspace,
    view: View,
    ids: Mapping[AssetKey, AssetId],
    only: Mapping[AssetId, Collection[PartitionKey]] = MappingProxyType({}),
) -> Heads:
    """The same of assets of the view, each where the environment has it: its own copy, if it has one at a place."""
    found = heads_read(connection, workspace, list(ids.values()), view.as_of, only)
    return brought_here(connection, workspace, view.catalog, ids, found, view.as_of)


def heads_bearing(
    connection: Snapshot,
    workspace: Workspace,
    view: View,
    keys: Collection[AssetKey],
    now: datetime,
    asked: Mapping[AssetKey, Ordinals] = MappingProxyType({}),
) -> Heads:
    """The heads of these assets, of partitions that their schemes have at that instant as far as these can be named.

    Of those in `asked` only of these partitions.

    All heads of what IO stores: their values are at their places, whatever the scheme is by now.
    """
    ids, catalog = view.ids, view.catalog
    named = partitions_bearing(catalog, [key for key in keys if catalog[key].stored is None], now, asked)
    only = {ids[key]: partitions for key, partitions in named.items()}
    return heads_here(connection, workspace, view, {key: ids[key] for key in keys}, only)


def state_at(
    connection: Snapshot,
    workspace: Workspace,
    view: View,
    now: datetime,
    named: NamedPaths,
    looked: Looked,
    seen: Seen,
    asked: Mapping[AssetKey, Ordinals] = MappingProxyType({}),
) -> State:
    """Heads of all assets in the view's catalog, and what is known against them; nothing of reuse yet.

    `named` are the paths in parameters, `looked` is what lies behind those that are here, `seen` what lies at places.
    `asked` are the only partitions that are looked at, by asset.
    """
    project, ids = workspace.project, view.ids
    found = heads_bearing(connection, workspace, view, view.catalog.assets, now, asked)
    placed = (f for id_ in with_places(view.catalog, ids) for f in found[id_].values())
    checked = [ids[key] for key, asset in view.catalog.assets.items() if asset.checks]
    return State(
        environment=workspace.environment,
        position=view.position,
        now=now,
        ids=ids,
        heads=found,
        refusals=refusals(connection, project, checked, view.as_of),
        absent=never_made(connection, project, list(_perhaps_absent(view, found))),
        contents=contents_at(connection, workspace, view, named, looked),
        retracted=Retracted.of(retractions(connection, project, view.as_of)),
        places=places_at(connection, workspace, placed, seen, view.as_of),
        bases=view.bases,
    )


def places_here(connection: Snapshot, workspace: Workspace, view: View) -> Watched:
    """The places of heads that can be looked at: of now, and of locations whose files are here."""
    here = {key: view.ids[key] for key, asset in view.catalog.assets.items() if asset.stored and view.is_here(key)}
    return watched(heads_here(connection, workspace, view, here), here) if here else Watched()


def _perhaps_absent(view: View, found: Heads) -> Iterator[tuple[AssetId, PartitionKey, VersionId]]:
    """Optional outputs of which no head is of the version that another output's head is of."""
    for key, asset in view.catalog.assets.items():
        optional = any(output.optional for output in asset.task.outputs if output.asset == key)
        for other in asset.task.outputs if optional else ():
            for partition, head in found.get(view.ids[other.asset], {}).items() if other.asset in view.ids else ():
                own = found.get(view.ids[key], {}).get(partition)
                if own is None or own.version != head.version:
                    yield view.ids[key], head.partition, head.version


def verdicts_on(
    connection: Snapshot, workspace: Workspace, judged: Sequence[Judged], state: State, as_of: Position
) -> frozenset[Verdict]:
    """Which of these checks have judged the content of these versions, and maybe some more.

    Cost: O(judged), of more than NAMED_MAX O(verdicts on these assets).
    """
    few = len(judged) <= NAMED_MAX  # of more it is quicker to read what there is than to say what is wanted
    wanted = [verdict_of(*each, state) for each in judged] if few else None
    return verdict_keys(connection, workspace.project, {id_ for _, _, id_, _ in judged}, as_of, wanted)


def look(workspace: Workspace, view: View, named: NamedPaths) -> Looked:
    """What lies behind those paths that are here. No transaction should be open meanwhile. Raises UsageError."""
    return _look(workspace, view, _here(view, named))


def _here(view: View, named: NamedPaths) -> set[str]:
    """The paths to look at: of now, and of locations whose files are here."""
    return {text for key, texts in named.items() if view.is_here(key) for text in texts}


def _look(workspace: Workspace, view: View, texts: Iterable[str]) -> Looked:
    looked: dict[str, str | None] = {}
    for text in texts:
        try:
            looked[text] = workspace.content_of(text, view.root)
        except OSError as error:
            raise UsageError(f"{error.filename}: cannot be read: {error.strerror}; a parameter names {text}") from error
    return looked


def contents_at(
    connection: Snapshot, workspace: Workspace, view: View, named: NamedPaths, looked: Looked
) -> dict[AssetKey, Mapping[str, str]]:
    """Content hashes of the files and folders that Path parameters name, by asset and the path's text.

    Of the past, and where the location's files are elsewhere, they are those that a run last saw.
    """
    here = {text: content for text, content in looked.items() if content is not None}
    elsewhere: dict[str, set[str]] = {}
    for key, texts in named.items():
        if not view.is_here(key):
            elsewhere.setdefault(view.locations[key], set()).update(texts)
    seen = {
        location: contents_seen(connection, workspace.project, location, texts, view.as_of)
        for location, texts in elsewhere.items()
    }
    return {key: here if view.is_here(key) else seen[view.locations[key]] for key in named}
