"""Loads what decisions need, in few queries: the State of an environment at a position."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, text

from latewood.context import CheckResult
from latewood.decide.state import Durations, Refusal, Retracted, VersionFacts
from latewood.model.keys import AssetId, AssetVersion, PartitionKey, VersionId
from latewood.projections.environments import line_of
from latewood.projections.heads import IN_NAMED, NAMED_SLOTS, OF_STRETCH, heads_at, last_moves
from latewood.projections.snapshots import joined_at_once, text_array, tuples
from latewood_eventlog.records import Position

Verdict = tuple[AssetId, PartitionKey, str]
"""A check's verdict on a content: asset, partition, and check key."""

NOW: Final[Position] = 2**62
"""As of this position = as things are."""

FACTS: Final = (
    "v.asset, v.partition, v.version, v.position, v.made_at, v.duration_ms, v.data_version, v.artifact, "
    "v.code, v.logic, v.inputs, v.reuse_key, coalesce(v.accepted_position <= :as_of, false)"
)
_WITH_VERSIONS: Final = (
    "JOIN versions v ON v.project = :project AND v.asset = h.asset AND v.partition = h.partition "
    "AND v.version = h.version"
)
_OF_ASSETS: Final = "h.asset = ANY (CAST(:assets AS text[]))"
_HEADS: Final = text(
    f"SELECT {FACTS} FROM heads h {_WITH_VERSIONS} WHERE h.project = :project "  # noqa: S608 - our own columns
    f"AND h.environment = :environment AND {_OF_ASSETS} AND h.from_position > :after"
)
_HEADS_AT: Final = text(
    f"SELECT {FACTS} FROM ({heads_at(f'{OF_STRETCH} AND {_OF_ASSETS}')}) h {_WITH_VERSIONS}"  # noqa: S608 - as above
)
# The same for partitions that are named beside their assets: looks, however many other heads these have.
_NAMED_HEADS: Final = text(
    f"SELECT {FACTS} FROM {NAMED_SLOTS} JOIN heads h ON h.project = :project "  # noqa: S608 - as above
    "AND h.environment = :environment AND h.asset = n.asset AND h.partition = n.partition "
    f"AND h.from_position > :after {_WITH_VERSIONS}"
)
_NAMED_HEADS_AT: Final = text(
    f"SELECT {FACTS} FROM ({heads_at(f'{OF_STRETCH} AND {_OF_ASSETS}', IN_NAMED)}) h {_WITH_VERSIONS}"  # noqa: S608 - as above
)
_LOGICS: Final = text(
    "SELECT l.logic FROM unnest(CAST(:logics AS text[])) AS l (logic) WHERE EXISTS ("
    "SELECT FROM versions v WHERE v.project = :project AND v.logic = l.logic AND v.position <= :as_of)"
)
# The environment's heads of some assets: its own, and those of its base that it has still, as far as they are heads
# there to this day.
_HELD: Final = (
    "SELECT h.asset, h.partition, h.version FROM heads h WHERE h.project = :project "
    "AND h.environment = :environment AND h.asset = ANY (CAST(:held_by AS text[])) "
    "UNION ALL SELECT b.asset, b.partition, b.version FROM heads b WHERE b.project = :project "
    "AND b.environment = :base AND b.asset = ANY (CAST(:held_by AS text[])) "
    "AND b.from_position > :base_after AND b.from_position <= :base_upto "
    "AND NOT EXISTS (SELECT FROM heads o WHERE o.project = :project AND o.environment = :environment "
    "  AND o.asset = ANY (CAST(:held_by AS text[])) AND o.asset = b.asset AND o.partition = b.partition)"
)
# Joined as sets, see `joined_at_once`; what was collected is looked up for what remains: OFFSET 0 keeps it apart.
_BY_LOGIC: Final = text(
    f"SELECT {FACTS}, v.output FROM (SELECT v.* FROM versions v "  # noqa: S608 - as above
    "  WHERE v.project = :project AND v.logic = ANY (CAST(:logics AS text[])) AND v.reuse_key <> '' "
    "  AND (CAST(:partitions AS text[]) IS NULL OR v.partition = ANY (CAST(:partitions AS text[]))) "
    "  AND v.position <= :as_of AND NOT EXISTS (SELECT FROM "
    f"    (SELECT h.*, n.logic FROM ({_HELD}) h "
    "    JOIN unnest(CAST(:held_by AS text[]), CAST(:held AS text[])) AS n (asset, logic) ON n.asset = h.asset) h "
    "    WHERE h.asset = v.asset AND h.partition = v.partition AND h.version = v.version AND h.logic = v.logic) "
    "  OFFSET 0) v WHERE NOT EXISTS (SELECT FROM collected c WHERE c.project = :project "
    "  AND c.artifact = v.artifact AND c.position > v.position AND c.position <= :as_of OFFSET 0) ORDER BY v.position"
)
_OF_KEYS: Final = text(
    f"SELECT {FACTS}, v.output FROM unnest(CAST(:reuse_keys AS text[])) AS k (reuse_key) "  # noqa: S608 - as above
    "JOIN versions v ON v.project = :project AND v.reuse_key = k.reuse_key "
    "WHERE v.reuse_key <> '' AND NOT EXISTS (SELECT FROM collected c WHERE c.project = v.project "
    "  AND c.artifact = v.artifact AND c.position > v.position) "
    "ORDER BY v.accepted_position IS NOT NULL, v.position"
)
_DURATIONS: Final = text(
    "SELECT v.asset, percentile_cont(0.5) WITHIN GROUP (ORDER BY v.duration_ms) AS p50, "
    "percentile_cont(0.9) WITHIN GROUP (ORDER BY v.duration_ms) AS p90, count(*) AS samples "
    "FROM unnest(CAST(:assets AS text[])) AS a (asset) CROSS JOIN LATERAL ("
    "  SELECT asset, duration_ms FROM versions WHERE project = :project AND asset = a.asset "
    "  AND position <= :as_of ORDER BY position DESC LIMIT 500) v GROUP BY v.asset"
)
_VERSION: Final = text(
    f"SELECT {FACTS} FROM versions v WHERE v.project = :project AND v.asset = :asset "  # noqa: S608 - as above
    "AND v.version = :version AND v.position <= :as_of ORDER BY v.partition"
)
_STEP_DIGITS_MAX: Final = 10  # an int of the database
_OF_STEP: Final = text(
    f"SELECT {FACTS} FROM steps s CROSS JOIN unnest(s.assets) AS a (asset) "  # noqa: S608 - as above
    "JOIN versions v ON v.project = s.project AND v.asset = a.asset AND v.partition = s.partition "
    "AND v.version = :version WHERE s.project = :project AND s.run = :run AND s.step = :step ORDER BY v.asset"
)
# By the step that made it: it knows the partition, with which the version is one look.
_BY_IDS: Final = text(
    f"SELECT {FACTS} FROM "  # noqa: S608 - as above
    "unnest(CAST(:runs AS text[]), CAST(:steps AS int[]), CAST(:versions AS text[])) WITH ORDINALITY "
    "  AS n (run, step, version, number) "
    "JOIN steps s ON s.project = :project AND s.run = n.run AND s.step = n.step "
    "JOIN versions v ON v.project = :project AND v.asset = :asset AND v.partition = s.partition "
    "AND v.version = n.version ORDER BY n.number"
)
_LATEST: Final = text("SELECT version FROM versions WHERE project = :project ORDER BY position DESC LIMIT :limit")
_OF_ASSET: Final = (
    "FROM versions v WHERE v.project = :project AND v.asset = :asset AND v.position < :before "
    "AND (CAST(:partitions AS text[]) IS NULL OR v.partition = ANY (CAST(:partitions AS text[])))"
)
_HISTORY: Final = text(f"SELECT {FACTS} {_OF_ASSET} ORDER BY v.position DESC LIMIT :limit")
_HISTORY_COUNT: Final = text(f"SELECT count(*) {_OF_ASSET}")
_PARTITION_HISTORY: Final = text(
    f"SELECT {FACTS} FROM versions v WHERE v.project = :project AND v.asset = :asset "  # noqa: S608 - as above
    "AND v.partition = :partition AND v.position <= :as_of ORDER BY v.position DESC LIMIT 100"
)
# Verdicts without a key do not stand.
_VERDICT_KEYS: Final = text(
    "SELECT DISTINCT asset, partition, check_key FROM checks "
    "WHERE project = :project AND asset = ANY (CAST(:assets AS text[])) AND check_key <> '' AND position <= :as_of "
    "AND (CAST(:partitions AS text[]) IS NULL OR partition = ANY (CAST(:partitions AS text[]))) "
    "AND (CAST(:keys AS text[]) IS NULL OR check_key = ANY (CAST(:keys AS text[])))"
)
_REFUSALS: Final = text(
    "SELECT c.asset, c.partition, c.check_name, c.check_key, max(c.position) FROM checks c "
    "WHERE c.project = :project AND c.asset = ANY (CAST(:assets AS text[])) AND NOT c.passed AND c.check_key <> '' "
    "AND c.position <= :as_of AND NOT EXISTS ("
    "  SELECT FROM checks l WHERE l.project = c.project AND l.asset = c.asset AND l.partition = c.partition "
    "  AND l.check_name = c.check_name AND l.check_key = c.check_key AND l.passed "
    "  AND l.position > c.position AND l.position <= :as_of) "
    "GROUP BY c.asset, c.partition, c.check_name, c.check_key ORDER BY 5 DESC"
)
_VERDICTS: Final = text(
    "SELECT check_name, check_key, passed, metadata, message FROM checks WHERE project = :project "
    "AND asset = :asset AND partition = :partition AND check_key <> '' ORDER BY position"
)
_MADE: Final = text(
    "SELECT v.asset, v.partition, v.version FROM unnest(CAST(:assets AS text[]), CAST(:partitions AS text[]), "
    "  CAST(:versions AS text[])) AS n (asset, partition, version) "
    "JOIN versions v ON v.project = :project AND v.asset = n.asset AND v.partition = n.partition "
    "AND v.version = n.version"
)
# A version's step tells its partition, which the index of versions wants to know.
_NAMED: Final = text(
    f"SELECT {FACTS} FROM unnest(CAST(:assets AS text[]), CAST(:versions AS text[]), CAST(:runs AS text[]), "  # noqa: S608 - as above
    "  CAST(:steps AS int[])) AS n (asset, version, run, step) "
    "JOIN steps s ON s.project = :project AND s.run = n.run AND s.step = n.step "
    "JOIN versions v ON v.project = s.project AND v.asset = n.asset AND v.partition = s.partition "
    "AND v.version = n.version"
)


def heads(
    connection: Connection,
    project: str,
    environment: str,
    assets: Collection[AssetId],
    as_of: Position = NOW,
    only: Mapping[AssetId, Collection[PartitionKey]] = MappingProxyType({}),
) -> dict[AssetId, dict[PartitionKey, VersionFacts]]:
    """The heads of these assets by partition; of those in `only`, of these partitions alone.

    Cost: O(heads), of named partitions a look each; at a past position, and for what a branch has from its base,
    O(moves of them), and of the promotions that moved any partition of the same assets.
    """
    found: dict[AssetId, dict[PartitionKey, VersionFacts]] = {asset: {} for asset in assets}
    named = [(asset, partition) for asset in assets for partition in only.get(asset, ())]
    whole = {"assets": text_array([asset for asset in assets if asset not in only])}
    slots = {"assets": text_array([a for a, _ in named]), "partitions": text_array([p for _, p in named])}
    asked = [(_HEADS, _HEADS_AT, whole), (_NAMED_HEADS, _NAMED_HEADS_AT, slots)]
    for stretch in line_of(connection, project, environment, as_of):
        bounds = {"environment": stretch.environment, "after": stretch.after, "upto": stretch.upto, "as_of": as_of}
        for now, then, parameters in asked:
            if parameters["assets"] == text_array(()):
                continue
            statement = now if stretch.upto >= NOW else then
            for row in tuples(connection, statement, {"project": project, **bounds, **parameters}):
                facts = VersionFacts._make(row)
                found[facts.asset].setdefault(facts.partition, facts)
    return found


def known_logics(connection: Connection, project: str, logics: Iterable[str], as_of: Position = NOW) -> frozenset[str]:
    """Those logics by which a version was ever made."""
    parameters = {"project": project, "logics": text_array(sorted(set(logics))), "as_of": as_of}
    return frozenset(connection.execute(_LOGICS, parameters).scalars())


def reusable(
    connection: Connection,
    project: str,
    environment: str,
    logics: Collection[str],
    as_of: Position = NOW,
    retracted: Retracted | None = None,
    held: Collection[tuple[AssetId, str]] = (),
    partitions: Collection[PartitionKey] | None = None,
) -> dict[tuple[str, str], VersionFacts]:
    """Versions of these logics that are not gone, by (reuse key, output): of several the newest accepted one.

    Heads are left out where their asset has their very logic still: `held` are assets with their logics of now.
    One of which the content is retracted is last choice: it may not be taken, but tells that nothing else was made.
    `partitions` are those asked for, if they are few: a key is of its partition.

    Cost: O(versions that are not left out, of these partitions), with the others looked through on the server. All
    of a logic's, since which keys are asked for is known only as a run goes on, and a version of any age may be taken:
    10,000 unlike versions of one partition take 0.13 s and 20 MB.
    """
    if not logics:
        return {}
    base = next(iter(line_of(connection, project, environment, as_of)[1:]), None)
    parameters = {
        "project": project,
        "environment": environment,
        "logics": text_array(sorted(logics)),
        "as_of": as_of,
        "held_by": text_array([asset for asset, _ in held]),
        "held": text_array([logic for _, logic in held]),
        "base": "" if base is None else base.environment,
        "base_after": NOW if base is None else base.after,
        "base_upto": 0 if base is None else base.upto,
        "partitions": None if partitions is None else text_array(partitions),
    }
    refused = retracted or Retracted()

    def rank(facts: VersionFacts) -> tuple[bool, bool]:
        content = (facts.asset, facts.partition, facts.data_version, facts.artifact)
        return (not refused or refused.content(*content) is None), facts.accepted

    found: dict[tuple[str, str], VersionFacts] = {}
    with joined_at_once(connection):
        rows = tuples(connection, _BY_LOGIC, parameters)
    for *facts, output in rows:
        version = VersionFacts._make(facts)
        slot = (version.reuse_key, output)
        if slot not in found or rank(version) >= rank(found[slot]):
            found[slot] = version
    return found


def versions_of_keys(connection: Connection, project: str, keys: Collection[str]) -> list[tuple[str, VersionFacts]]:
    """The versions with these reuse keys that are not gone, each with its output's name.

    Order: accepted ones last, of those the newest. Cost: a look for each key.
    """
    parameters = {"project": project, "reuse_keys": text_array(keys), "as_of": NOW}
    with joined_at_once(connection):
        rows = tuples(connection, _OF_KEYS, parameters)
    return [(output, VersionFacts._make(facts)) for *facts, output in rows]


def durations(
    connection: Connection, project: str, assets: Collection[AssetId], as_of: Position = NOW
) -> dict[AssetId, Durations]:
    """How long the latest 500 versions of each asset took, of those made by a position."""
    rows = connection.execute(_DURATIONS, {"project": project, "assets": text_array(assets), "as_of": as_of})
    return {row.asset: Durations(row.p50, row.p90, row.samples) for row in rows}


def version_named(
    connection: Connection, project: str, asset: AssetId, version: VersionId, as_of: Position = NOW
) -> list[VersionFacts]:
    """The version of that asset, one entry per partition it made; none where it was made behind that position."""
    parameters = {"project": project, "asset": asset, "version": version, "as_of": as_of}
    return [VersionFacts._make(row) for row in tuples(connection, _VERSION, parameters)]


def versions_of(
    connection: Connection, project: str, versions: Iterable[AssetVersion], as_of: Position = NOW
) -> dict[AssetVersion, VersionFacts]:
    """These versions of assets, as far as they were made. Cost: two index lookups each."""
    named = [(asset, version, *version.rpartition(".")[::2]) for asset, version in dict.fromkeys(versions)]
    if not named:
        return {}
    assets, ids, runs, steps = map(list, zip(*named, strict=True))
    parameters = {"project": project, "assets": assets, "versions": ids, "runs": runs, "as_of": as_of}
    rows = tuples(connection, _NAMED, {**parameters, "steps": list(map(int, steps))})
    return {(facts.asset, facts.version): facts for facts in map(VersionFacts._make, rows)}


def heads_since(
    connection: Connection,
    project: str,
    environment: str,
    assets: Collection[AssetId],
    as_of: Position = NOW,
    only: Mapping[AssetId, Collection[PartitionKey]] = MappingProxyType({}),
) -> dict[AssetId, dict[PartitionKey, Position]]:
    """By asset and partition the position at which the environment's head of it became its head.

    Of those in `only` of these partitions alone. What a branch has from its base became head there when it branched.
    Cost: O(moves of these heads).
    """
    found: dict[AssetId, dict[PartitionKey, Position]] = {asset: {} for asset in assets}
    line = line_of(connection, project, environment, as_of)
    for stretch in line:
        between = {"after": stretch.after, "upto": min(stretch.upto, as_of)}
        last = last_moves(connection, project, stretch.environment, assets, only=only, **between)
        for (asset, partition), position in last.items():
            found[asset].setdefault(partition, position if stretch is line[0] else line[0].after)
    return found


def made_by_step(connection: Connection, project: str, version: VersionId) -> list[VersionFacts]:
    """All that the version's step made under that id, by asset; nothing for what is no version."""
    run, _, step = version.rpartition(".")
    if not (step.isascii() and step.isdigit() and len(step) < _STEP_DIGITS_MAX):
        return []
    parameters = {"project": project, "run": run, "step": int(step), "version": version, "as_of": NOW}
    return [VersionFacts._make(row) for row in tuples(connection, _OF_STEP, parameters)]


def versions_by_id(
    connection: Connection, project: str, asset: AssetId, versions: Sequence[VersionId]
) -> list[VersionFacts]:
    """These versions of the asset, in this order; nothing for what is none. Cost: two looks each."""
    named = [version.rpartition(".") for version in versions]
    parameters = {
        "project": project,
        "asset": asset,
        "runs": [run for run, _, _ in named],
        "steps": [int(step) for _, _, step in named],
        "versions": list(versions),
        "as_of": NOW,
    }
    return [VersionFacts._make(row) for row in tuples(connection, _BY_IDS, parameters)]


def latest_versions(connection: Connection, project: str, *, limit: int) -> list[VersionId]:
    """The ids of the latest versions of all assets, newest first. Cost: O(versions of the project)."""
    return [VersionId(v) for (v,) in tuples(connection, _LATEST, {"project": project, "limit": limit})]


def history(
    connection: Connection,
    project: str,
    asset: AssetId,
    *,
    before: Position = NOW,
    limit: int = 100,
    partitions: Sequence[PartitionKey] | None = None,
) -> list[VersionFacts]:
    """Versions of an asset before a position, of these partitions or of all, newest first; as they were then."""
    parameters = _made(project, asset, before, partitions) | {"limit": limit, "as_of": before - 1}
    return [VersionFacts._make(row) for row in tuples(connection, _HISTORY, parameters)]


def history_count(
    connection: Connection,
    project: str,
    asset: AssetId,
    *,
    before: Position = NOW,
    partitions: Sequence[PartitionKey] | None = None,
) -> int:
    """How many versions `history` has without a limit. Cost: O(versions of the asset)."""
    return int(connection.execute(_HISTORY_COUNT, _made(project, asset, before, partitions)).scalar_one())


def _made(
    project: str, asset: AssetId, before: Position, partitions: Sequence[PartitionKey] | None
) -> dict[str, object]:
    chosen = None if partitions is None else list(partitions)
    return {"project": project, "asset": asset, "before": before, "partitions": chosen}


def partition_history(
    connection: Connection, project: str, asset: AssetId, partition: PartitionKey, as_of: Position = NOW
) -> list[VersionFacts]:
    """The latest 100 versions of one asset partition up to a position, newest first."""
    parameters = {"project": project, "asset": asset, "partition": partition, "as_of": as_of}
    return [VersionFacts._make(row) for row in tuples(connection, _PARTITION_HISTORY, parameters)]


def verdict_keys(
    connection: Connection,
    project: str,
    assets: Collection[AssetId],
    as_of: Position = NOW,
    wanted: Collection[Verdict] | None = None,
) -> frozenset[Verdict]:
    """What verdicts on these assets stand, and maybe some more than the wanted ones.

    Cost: O(verdicts), of wanted ones O(verdicts on their partitions), of which only equal ones leave the server.
    """
    parameters = {
        "project": project,
        "assets": text_array(assets),
        "as_of": as_of,
        "partitions": None if wanted is None else text_array({partition for _, partition, _ in wanted}),
        "keys": None if wanted is None else text_array({key for _, _, key in wanted}),
    }
    return frozenset((a, p, k) for a, p, k in tuples(connection, _VERDICT_KEYS, parameters))


def refusals(
    connection: Connection, project: str, assets: Collection[AssetId], as_of: Position = NOW
) -> dict[tuple[AssetId, PartitionKey], tuple[Refusal, ...]]:
    """The verdicts on these assets that stand and did not pass, newest first. Cost: O(those that did not pass)."""
    parameters = {"project": project, "assets": text_array(assets), "as_of": as_of}
    found: dict[tuple[AssetId, PartitionKey], list[Refusal]] = {}
    for asset, partition, *refusal in tuples(connection, _REFUSALS, parameters) if assets else ():
        found.setdefault((asset, partition), []).append(Refusal._make(refusal))
    return {slot: tuple(refused) for slot, refused in found.items()}


def check_verdicts(
    connection: Connection, project: str, asset: AssetId, partition: PartitionKey
) -> dict[tuple[str, str], CheckResult]:
    """The latest verdict that stands by (check name, check key)."""
    parameters = {"project": project, "asset": asset, "partition": partition}
    return {
        (row.check_name, row.check_key): CheckResult(row.passed, row.metadata, row.message)
        for row in connection.execute(_VERDICTS, parameters)
    }


def never_made(
    connection: Connection, project: str, versions: Collection[tuple[AssetId, PartitionKey, VersionId]]
) -> frozenset[tuple[AssetId, PartitionKey, VersionId]]:
    """Those (asset, partition, version) that do not exist: the step behind the version made no such output."""
    if not versions:
        return frozenset()
    assets, partitions, ids = map(list, zip(*versions, strict=True))
    parameters = {"project": project, "assets": assets, "partitions": partitions, "versions": ids}
    made = {(AssetId(a), PartitionKey(p), VersionId(v)) for a, p, v in tuples(connection, _MADE, parameters)}
    return frozenset(versions) - made
