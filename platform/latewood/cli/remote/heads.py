"""What counts as current: heads moved by hand, and versions declared wrong."""

from datetime import datetime
from typing import Final

from latewood.cli import exits
from latewood.cli.corrections import named_so, print_mending, print_ways_on
from latewood.cli.output import console, plural, print_json, short
from latewood.cli.remote.connection import connect, done
from latewood.errors import UsageError
from latewood.events import Action

_MENDED: Final = (Action.RUN, Action.DEPENDS, Action.REUSE, Action.BLOCKED)

_ROLLBACK: Final = """mutation (
  $project: String!, $environment: String!, $asset: ID!, $partition: String!, $version: ID!, $to: Moment
) {
  rollback(
    project: $project, environment: $environment, asset: $asset, partition: $partition, version: $version, to: $to
  ) { __typename
    ... on RolledBack { asset { key partitioning { title } } moved { count text } kept { count } position }
    ... on Error { message }
  }
}"""
_PROMOTE: Final = """mutation ($project: String!, $environment: String!, $version: ID!) {
  promoteVersion(project: $project, environment: $environment, version: $version) { __typename
    ... on VersionPromoted { version partition moved parameters position }
    ... on Error { message }
  }
}"""
_GIVEN: Final = "$project: String!, $environment: String!, $version: ID!, $asset: ID!, $partition: String!"
_AS_GIVEN: Final = (
    "project: $project, environment: $environment, version: $version, asset: $asset, partition: $partition"
)
_CORRECTED: Final = """{ __typename
    ... on Corrected {
      versionsCount unchangedCount downstreamCount mending { environment run depends reuse blocked } position
    }
    ... on Error { message }
  }"""
_RETRACT: Final = f"""mutation ({_GIVEN}, $reason: String!, $rerun: Boolean!) {{
  retract({_AS_GIVEN}, reason: $reason, rerun: $rerun) {_CORRECTED}
}}"""
_UNDO: Final = f"""mutation ({_GIVEN}, $reason: String!) {{
  undoRetract({_AS_GIVEN}, reason: $reason) {_CORRECTED}
}}"""


def rollback(
    *,
    key: str,
    version: str,
    partition: str,
    to_time: datetime | None,
    to_position: int | None,
    environment: str | None,
    json_: bool,
) -> int:
    """Point an asset back."""
    if to_time is not None and to_position is not None:
        raise UsageError("expected --to-time or --to-position, found both")
    client = connect(environment=environment)
    given = {
        "environment": client.at.environment,
        "asset": key,
        "partition": partition,
        "version": version,
        "to": to_position if to_time is None else to_time.isoformat(),
    }
    found = done(client, "rollback", _ROLLBACK, given)
    moved, kept = found["moved"], found["kept"]["count"]
    if json_:
        print_json({"key": found["asset"]["key"], "moved": moved, "kept": kept, "position": found["position"]})
        return exits.OK
    out, name = console(), found["asset"]["key"]
    if moved["count"] and found["asset"]["partitioning"] is not None:
        out.print(f"{name} {short(moved['text'], 100)}")
    stay = f"; {plural(kept, 'partition')} had no head then and kept theirs" if kept else ""
    out.print(f"{plural(moved['count'], 'head')} moved in {client.at.environment}{stay}. 0 steps run.")
    if moved["count"]:
        out.print(f"It holds until a run replaces it: `latewood plan {name}` says whether one would.")
    return exits.OK


def promote(*, version: str, environment: str | None, json_: bool) -> int:
    """Make a version head."""
    client = connect(environment=environment)
    found = done(client, "promoteVersion", _PROMOTE, {"environment": client.at.environment, "version": version})
    if json_:
        print_json({name: value for name, value in found.items() if name != "__typename"})
        return exits.OK
    where = f" {found['partition']}" if found["partition"] else ""
    for key in found["moved"]:
        console().print(f"{key}{where}: {found['version']}")
    moved = f"{plural(len(found['moved']), 'head')} moved in" if found["moved"] else "It is head already in"
    console().print(f"{moved} {client.at.environment} at position {found['position']:,}. 0 steps run.")
    return exits.OK


def retract(
    *,
    version: str,
    reason: str,
    asset: str,
    partition: str,
    environment: str | None,
    undo_: bool,
    override: bool,
    dry_run: bool,
    json_: bool,
) -> int:
    """Declare a version wrong, or take that back."""
    if undo_ and override:
        raise UsageError("expected --undo, which takes a retraction back, or --override, which keeps it; found both")
    if dry_run:
        raise UsageError("a server does not say what a retraction would reach: leave out --dry-run, or --server")
    client = connect(environment=environment)
    given = {
        "environment": client.at.environment,
        "version": version,
        "asset": asset,
        "partition": partition,
        "reason": reason,
    }
    if undo_:
        found = done(client, "undoRetract", _UNDO, given)
    else:
        found = done(client, "retract", _RETRACT, {**given, "rerun": override})
    if json_:
        print_json({name: value for name, value in found.items() if name != "__typename"})
        return exits.OK
    out, word, count = console(), "taken back" if undo_ else "retracted", found["versionsCount"]
    if found["unchangedCount"] == count:
        out.print(f"{plural(count, 'version')} had been {word} before; nothing is recorded.")
    else:
        out.print(f"{plural(count, 'version')} {word} at position {found['position']:,}.")
    made = found["downstreamCount"]
    out.print(f"{plural(made, 'version')} made from it." if made else "Nothing was made from it.")
    mending = {
        each["environment"]: {action: each[action.name.lower()] for action in _MENDED} for each in found["mending"]
    }
    print_mending(mending)
    if not undo_:
        print_ways_on(mending, named_so(version, asset=asset, partition=partition))
    return exits.OK
