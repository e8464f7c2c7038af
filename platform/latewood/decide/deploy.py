"""What deploying a location's definitions means: which facts to record against what is deployed now. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from latewood.decide.keys import digest
from latewood.events import (
    AssetDefined,
    AssetDropped,
    AutomationDefined,
    AutomationDropped,
    DeploymentCreated,
    EnvironmentDeployed,
    Event,
    LaunchableDefined,
    LaunchableDropped,
    TaskDefined,
    TaskDropped,
)
from latewood.model.automations import Automation
from latewood.model.definitions import AssetDefinition, BareTask, definition_digest, merkle_root
from latewood.model.keys import AssetId, AssetKey
from latewood.model.workflows import Launchable

_WHOLE_BYTES_MAX: Final = 49_152
"""Most bytes of a definition in one event: well under an event's limit."""

_PIECE_MAX: Final = 12_288
"""Characters of a piece of a longer one: as a JSON string none takes more than four bytes."""


class Rename(NamedTuple):
    """An asset has another name from a position on."""

    asset: AssetId
    old: AssetKey
    new: AssetKey
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A location's definitions with their digests; equal snapshots are the same deployment.

    `renamed` are the keys that stand for another asset than by themselves, with its id: `KEY=ID`. `archive` is where
    the source was put, `paths` the folders in it that imports start from; `lock`, `python`, `entry`,
    `directory` and `variables` are as in DeploymentCreated.
    """

    location: str
    assets: tuple[AssetDefinition, ...]
    digests: Mapping[AssetKey, str]
    root: str
    source: str
    launchables: tuple[Launchable, ...] = ()
    launch_digests: Mapping[str, str] = field(default_factory=dict)
    renamed: tuple[str, ...] = ()
    archive: str = ""
    paths: tuple[str, ...] = ()
    lock: str = ""
    python: str = ""
    entry: str = ""
    directory: str = ""
    variables: tuple[str, ...] = ()
    tasks: tuple[BareTask, ...] = ()
    task_digests: Mapping[str, str] = field(default_factory=dict)
    automations: tuple[Automation, ...] = ()
    automation_digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def deployment(self) -> str:
        """Name of the deployment: 16 hex digits over location, definitions, source, and what it is to be run by."""
        # No asset is called so: what a project does not say is no part, and names of before stay what they were.
        settings = {
            "lock": self.lock,
            "python": self.python,
            "entry": self.entry,
            "directory": self.directory,
            "variables": ",".join(self.variables),
        }
        run_by = [f"{name}:={said}" for name, said in settings.items() if said]
        return digest(self.location, self.root, self.source, *self.renamed, *run_by)[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What the environment has of this location now: the deployment, and digest and id of each asset by key.

    `launchables` are the digests of what can be launched, by name, `tasks` those of tasks that others may refer to,
    `automations` those of what happens by itself.
    """

    deployment: str = ""
    digests: Mapping[AssetKey, str] = field(default_factory=dict)
    ids: Mapping[AssetKey, AssetId] = field(default_factory=dict)
    launchables: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)
    automations: Mapping[str, str] = field(default_factory=dict)


def snapshot_of(
    location: str,
    assets: Sequence[AssetDefinition],
    source: str,
    launchables: Sequence[Launchable] = (),
    tasks: Sequence[BareTask] = (),
    automations: Sequence[Automation] = (),
) -> Snapshot:
    """The snapshot of these definitions and this source. Cost: O(definitions)."""
    digests = {asset.key: definition_digest(asset) for asset in assets}
    launch_digests = {launchable.name: definition_digest(launchable) for launchable in launchables}
    task_digests = {task.name: definition_digest(task) for task in tasks}
    automation_digests = {automation.name: definition_digest(automation) for automation in automations}
    # No key has a colon in it, so a workflow is never taken for the asset of its name. What a location has none of is
    # no part: roots of before stay what they were.
    others = {f"launch:{name}": found for name, found in launch_digests.items()}
    others |= {f"task:{name}": found for name, found in task_digests.items()}
    others |= {f"automation:{name}": found for name, found in automation_digests.items()}
    root = merkle_root({**digests, **{AssetKey(name): found for name, found in others.items()}})
    return Snapshot(
        location=location,
        assets=tuple(assets),
        digests=digests,
        root=root,
        source=source,
        launchables=tuple(launchables),
        launch_digests=launch_digests,
        tasks=tuple(tasks),
        task_digests=task_digests,
        automations=tuple(automations),
        automation_digests=automation_digests,
    )


def identified(new: Snapshot, ids: Mapping[AssetKey, AssetId]) -> Snapshot:
    """The snapshot as of these assets: the same definitions after a rename are another deployment."""
    return replace(new, renamed=tuple(sorted(f"{key}={id_}" for key, id_ in ids.items() if id_ != _new_id(key, 0))))


def current_names(renames: Iterable[Rename]) -> dict[AssetId, AssetKey]:
    """The present name of each asset that was ever renamed."""
    return {rename.asset: rename.new for rename in renames}


def known_ids(
    keys: Iterable[AssetKey], defined: Iterable[tuple[AssetKey, AssetId]], renames: Sequence[Rename]
) -> dict[AssetKey, AssetId]:
    """The asset that each of a location's keys stands for, where there is one. `defined` are keys as last defined.

    A name that an asset had before stands for it as long as the location does not define the present one as well: its
    code has not followed the rename yet.
    """
    keys = frozenset(keys)
    now = current_names(renames)
    known: dict[AssetKey, AssetId] = {
        name: rename.asset
        for rename in renames
        for name in (rename.old, rename.new)
        if name in keys and now[rename.asset] not in keys - {name}
    }
    known |= {key: asset for key, asset in defined if key in keys and asset not in now}
    return known | {name: asset for asset, name in now.items() if name in keys}


def asset_ids(
    keys: Sequence[AssetKey], known: Mapping[AssetKey, AssetId], taken: Mapping[AssetId, AssetKey]
) -> dict[AssetKey, AssetId]:
    """The id of each key: the known one, or a new one that no other asset has ever had."""
    ids: dict[AssetKey, AssetId] = {}
    for key in keys:
        if key in known:
            ids[key] = known[key]
            continue
        attempt = 0
        while (id_ := _new_id(key, attempt)) in taken and taken[id_] != key:
            attempt += 1  # the key's first id went to another key with a rename
        ids[key] = id_
    return ids


def deploy(
    new: Snapshot, base: Base, ids: Mapping[AssetKey, AssetId], environment: str, *, known: bool
) -> tuple[list[Event], list[Event]]:
    """Facts for the location's stream and for the environment's; none when that is what is deployed already.

    `known`: this very deployment was recorded before, so the environment only has to point to it.
    """
    name = new.deployment
    if name == base.deployment:
        return [], []
    pointed = EnvironmentDeployed(
        environment=environment, location=new.location, deployment=name, previous=base.deployment
    )
    if known:
        return [], [pointed]
    changed = [
        asset
        for asset in new.assets
        if (base.digests.get(asset.key), base.ids.get(asset.key)) != (new.digests[asset.key], ids[asset.key])
    ]
    dropped = dropped_keys(base, ids)
    facts: list[Event] = [fact for asset in changed for fact in _defined(new, asset, ids[asset.key])]
    facts += [AssetDropped(asset=base.ids[key], key=key, location=new.location, deployment=name) for key in dropped]
    facts += _launch_facts(new, base)
    facts += _task_facts(new, base)
    facts += _automation_facts(new, base)
    facts.append(
        DeploymentCreated(
            deployment=name,
            location=new.location,
            base=base.deployment,
            root=new.root,
            source=new.source,
            assets=len(new.assets),
            changed=len(changed),
            dropped=len(dropped),
            archive=new.archive,
            paths=new.paths,
            lock=new.lock,
            python=new.python,
            entry=new.entry,
            directory=new.directory,
            variables=new.variables,
        )
    )
    return facts, [pointed]


def _defined(new: Snapshot, asset: AssetDefinition, id_: AssetId) -> list[AssetDefined]:
    pieces = definition_pieces(asset)
    return [
        AssetDefined(
            asset=id_,
            key=asset.key,
            location=new.location,
            deployment=new.deployment,
            digest=new.digests[asset.key],
            definition=piece,
            part=part,
            parts=len(pieces),
        )
        for part, piece in enumerate(pieces, start=1)
    ]


def definition_pieces(definition: msgspec.Struct) -> list[msgspec.Raw]:
    """The definition as JSON, or in pieces of that text where it is too long for one event."""
    encoded = msgspec.json.encode(definition, order="deterministic")
    if len(encoded) <= _WHOLE_BYTES_MAX:
        return [msgspec.Raw(encoded)]
    text = encoded.decode()
    starts = range(0, len(text), _PIECE_MAX)
    return [msgspec.Raw(msgspec.json.encode(text[start : start + _PIECE_MAX])) for start in starts]


def _launch_facts(new: Snapshot, base: Base) -> Iterator[Event]:
    for launchable in new.launchables:
        digest_ = new.launch_digests[launchable.name]
        if base.launchables.get(launchable.name) != digest_:
            yield LaunchableDefined(
                name=launchable.name,
                location=new.location,
                deployment=new.deployment,
                digest=digest_,
                definition=msgspec.Raw(msgspec.json.encode(launchable, order="deterministic")),
            )
    for name in base.launchables:
        if name not in new.launch_digests:
            yield LaunchableDropped(name=name, location=new.location, deployment=new.deployment)


def _task_facts(new: Snapshot, base: Base) -> Iterator[Event]:
    for task in new.tasks:
        digest_ = new.task_digests[task.name]
        pieces = definition_pieces(task) if base.tasks.get(task.name) != digest_ else []
        for part, piece in enumerate(pieces, start=1):
            yield TaskDefined(
                name=task.name,
                location=new.location,
                deployment=new.deployment,
                digest=digest_,
                definition=piece,
                part=part,
                parts=len(pieces),
            )
    for name in base.tasks:
        if name not in new.task_digests:
            yield TaskDropped(name=name, location=new.location, deployment=new.deployment)


def _automation_facts(new: Snapshot, base: Base) -> Iterator[Event]:
    for automation in new.automations:
        digest_ = new.automation_digests[automation.name]
        if base.automations.get(automation.name) != digest_:
            yield AutomationDefined(
                name=automation.name,
                location=new.location,
                deployment=new.deployment,
                digest=digest_,
                definition=msgspec.Raw(msgspec.json.encode(automation, order="deterministic")),
            )
    for name in base.automations:
        if name not in new.automation_digests:
            yield AutomationDropped(name=name, location=new.location, deployment=new.deployment)


def dropped_keys(base: Base, ids: Mapping[AssetKey, AssetId]) -> list[AssetKey]:
    """What the base has and these assets are not; one of another name is."""
    staying = set(ids.values())
    return [key for key, id_ in base.ids.items() if id_ not in staying]


def _new_id(key: AssetKey, attempt: int) -> AssetId:
    return AssetId(sha256(f"{key}#{attempt}".encode() if attempt else key.encode()).hexdigest()[:12])
