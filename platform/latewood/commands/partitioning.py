"""Keys of dynamic partitions: adding, removing and listing them. They are the project's, in every environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from latewood.commands.holding import ATTEMPTS
from latewood.commands.views import PRESENT, AsOf, read_view
from latewood.commands.workspace import Workspace
from latewood.engine.running.recorder import in_parts, new_event
from latewood.errors import UsageError
from latewood.events import Event, PartitionsAdded, PartitionsRemoved
from latewood.model.keys import PartitionKey
from latewood.model.partitions import unknown_dynamic
from latewood.model.scheme_kinds import check_dynamic_key
from latewood.model.schemes import dynamic_names
from latewood.projections.dynamic import KeyRow, key_rows, names_with_keys
from latewood.projections.snapshots import Snapshot, snapshot
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Batch, Position, StreamAppend


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Keys that were added or removed, at `position` (None = none was), and those of which it was so before."""

    name: str
    changed: tuple[PartitionKey, ...]
    unchanged: tuple[PartitionKey, ...]
    position: Position | None


def add_keys(workspace: Workspace, name: str, keys: Sequence[str]) -> Changed:
    """Add keys in this order, all or none. Raises UsageError for an unknown name, and for what cannot be a key."""
    wanted = tuple(dict.fromkeys(map(check_dynamic_key, keys)))
    for _ in range(ATTEMPTS):
        version = workspace.log.version(workspace.project, f"partitions/{name}")
        present = {row.key for row in _rows(workspace, name) if row.present}
        new = tuple(key for key in wanted if key not in present)
        facts = [PartitionsAdded(name=name, keys=part) for part in in_parts(new)]
        if (done := _recorded(workspace, name, version, wanted, new, facts)) is not None:
            return done
    raise _overtaken(name)


def remove_keys(workspace: Workspace, name: str, keys: Sequence[str]) -> Changed:
    """Remove keys, all or none; what was made of them stays. Raises UsageError, with near matches, for unknown ones."""
    wanted = tuple(PartitionKey(key) for key in dict.fromkeys(keys))
    for _ in range(ATTEMPTS):
        version = workspace.log.version(workspace.project, f"partitions/{name}")
        rows = {row.key: row for row in _rows(workspace, name)}
        for unknown in (key for key in wanted if key not in rows):
            near = get_close_matches(unknown, rows, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"`latewood partitions list {name}` has them all"
            raise UsageError(f'{name} has no partition "{unknown}"; {hint}')
        gone = tuple(key for key in wanted if rows[key].present)
        facts = [PartitionsRemoved(name=name, keys=part) for part in in_parts(gone)]
        if (done := _recorded(workspace, name, version, wanted, gone, facts)) is not None:
            return done
    raise _overtaken(name)


def list_keys(workspace: Workspace, name: str, as_of: AsOf = PRESENT) -> list[KeyRow]:
    """All keys that ever were by a moment, in order of ordinal. Raises UsageError for an unknown name."""
    return _rows(workspace, name, as_of)


def list_names(workspace: Workspace, as_of: AsOf = PRESENT) -> dict[str, list[KeyRow]]:
    """All keys by name, also of names that have none yet."""
    with snapshot(workspace.log) as connection:
        rows = key_rows(connection, workspace.project, as_of.position)
        found: dict[str, list[KeyRow]] = {name: [] for name in _known(connection, workspace, as_of)}
    for row in rows:
        found.setdefault(row.name, []).append(row)
    return dict(sorted(found.items()))


def _rows(workspace: Workspace, name: str, as_of: AsOf = PRESENT) -> list[KeyRow]:
    with snapshot(workspace.log) as connection:
        known = _known(connection, workspace, as_of)
        if name not in known:
            raise UsageError(unknown_dynamic(name, known))
        return key_rows(connection, workspace.project, as_of.position, [name])


def _known(connection: Snapshot, workspace: Workspace, as_of: AsOf) -> frozenset[str]:
    """The names by which something is partitioned in the environment, and those that have keys."""
    view = read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
    defined = (name for asset in view.catalog.assets.values() for name in dynamic_names(asset.partitions))
    return frozenset((*defined, *names_with_keys(connection, workspace.project, as_of.position)))


def _recorded(
    workspace: Workspace,
    name: str,
    version: int,
    wanted: tuple[PartitionKey, ...],
    changed: tuple[PartitionKey, ...],
    facts: Sequence[Event],
) -> Changed | None:
    """The change, recorded if there is one; None when somebody else changed these partitions meanwhile."""
    unchanged = tuple(key for key in wanted if key not in changed)
    if not facts:
        return Changed(name=name, changed=(), unchanged=unchanged, position=None)
    project, stream = workspace.project, f"partitions/{name}"
    events = tuple(
        new_event(fact, project=project, stream=stream, name=(version, i), at=workspace.clock(), actor=workspace.actor)
        for i, fact in enumerate(facts)
    )
    try:
        append = StreamAppend(project=project, stream=stream, events=events, expected=version)
        last = workspace.log.append(Batch(appends=(append,))).last
    except (WrongExpectedVersion, EventConflict):
        return None
    return Changed(name=name, changed=changed, unchanged=unchanged, position=last)


def _overtaken(name: str) -> UsageError:
    return UsageError(f"{name} was changed by others in each of {ATTEMPTS} attempts; nothing was recorded, try again")
