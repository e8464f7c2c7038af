"""Steps of elements in a run: which these are, and what people read of them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from latewood.commands.workspace import Workspace
from latewood.decide.findings import OfElements
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import StoreError
from latewood.model.elements import element_named
from latewood.model.keys import AssetKey, RunId, VersionId
from latewood.projections.runs import Expansion, StepRow, expansion_behind, steps_of
from latewood.projections.snapshots import Snapshot


def labels_of(workspace: Workspace, expansion: Expansion) -> Sequence[str]:
    """What its elements look like; nothing where that is lost."""
    from latewood.engine.running.elements import decode_elements  # noqa: PLC0415 - costs time, and few commands need it

    with suppress(StoreError):
        return decode_elements(workspace.store.read(ArtifactAddress(expansion.elements))).labels
    return ()


def made_of_elements(connection: Snapshot, workspace: Workspace, version: VersionId) -> OfElements | None:
    """What became of the elements of the list that is this version; None of any other version."""
    expansion = expansion_behind(connection, workspace.project, version)
    if expansion is None:
        return None
    run = RunId(version.rpartition(".")[0])
    rows = steps_of(connection, workspace.project, run, after=expansion.first - 1, limit=expansion.count)
    counts = Counter(row.status for row in rows)
    new = next((row.step - expansion.first for row in rows if row.status == "succeeded"), None)
    labels = labels_of(workspace, expansion)
    return OfElements(
        count=expansion.count,
        computed=counts["succeeded"],
        failed=counts["failed"],
        first=None if new is None else (new, labels[new] if labels else ""),
    )


class ElementSteps:
    """The steps of a run that are of elements: `of` which list each is, by its number, and what it looks like."""

    def __init__(self, labels: Callable[[Expansion], Sequence[str]], expansions: Sequence[Expansion]) -> None:
        self._found = labels
        self._labels: dict[int, Sequence[str]] = {}
        self.expansions = expansions
        self.of = {step: expansion for expansion in expansions for step in expansion.steps}

    def label(self, step: int) -> str:
        """What the step's element looks like; nothing of other steps, and where that is lost."""
        expansion = self.of.get(step)
        if expansion is None:
            return ""
        if expansion.first not in self._labels:
            self._labels[expansion.first] = self._found(expansion)
        labels = self._labels[expansion.first]
        return labels[step - expansion.first] if labels else ""

    def names(self, step: StepRow, keys: Mapping[str, AssetKey]) -> list[AssetKey]:
        """What the step makes, an element by its number."""
        expansion = self.of.get(step.step)
        found = [keys.get(id_, AssetKey(id_)) for id_ in step.assets]
        return found if expansion is None else [element_named(key, step.step - expansion.first) for key in found]
