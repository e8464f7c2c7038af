"""What can be launched by name: workflows and launch plans, as a deployment records them.

A workflow's steps are ordinary assets under its name; here is what they have in common.
"""

from typing import Any

import msgspec

from latewood.model.definitions import Parameter, TaskDefinition
from latewood.model.keys import AssetKey


class WorkflowDefinition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="workflow"
):
    """A workflow: its inputs, the assets its steps make, in order of the body, and which of them are its outputs.

    `on_failure` receives a WorkflowFailure, once after a run in which a step failed.
    """

    name: str
    inputs: tuple[Parameter, ...] = ()
    steps: tuple[AssetKey, ...] = ()
    outputs: dict[str, AssetKey] = {}
    on_failure: TaskDefinition | None = None
    description: str = ""

    @property
    def selection(self) -> str:
        """What selects its steps."""
        return f"{self.name}/*"


class LaunchPlanDefinition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="launch_plan"
):
    """A workflow or a selection with values by `ASSET.NAME` or `WORKFLOW.NAME`: fixed ones, and defaults."""

    name: str
    selection: str
    workflow: str = ""
    fixed: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    description: str = ""


Launchable = WorkflowDefinition | LaunchPlanDefinition
"""What `latewood launch` takes the name of."""
