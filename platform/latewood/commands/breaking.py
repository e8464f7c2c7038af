"""What a location's definitions break elsewhere: assets of other locations that read what is not as they expect it."""

from latewood.commands.views import View
from latewood.model.types import display, fits


def broken_readers(view: View, location: str) -> list[str]:
    """What assets of other locations read of this one and cannot any more, or what nothing defines; a line for each.

    Their own files are refused when they are loaded next; who changes what they read should know before.
    Cost: O(inputs of other locations).
    """
    found: list[str] = []
    for key, asset in view.catalog.assets.items():
        if view.locations[key] == location:
            continue
        for input_ in asset.task.inputs:
            upstream = view.catalog.assets.get(input_.asset)
            if upstream is None:
                found.append(f"{key} of {view.locations[key]} reads {input_.asset}, which nothing defines")
            elif view.locations[upstream.key] == location and input_.loads and fits(upstream.type, input_.type):
                found.append(
                    f"{key} of {view.locations[key]} expects {display(input_.type)} of {upstream.key}, "
                    f"which produces {display(upstream.type)}"
                )
    return found
