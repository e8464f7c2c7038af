"""What happened, in words that two commands share."""

from latewood.commands.explaining import code_place
from latewood.model.code import CodeChange


def change_text(change: CodeChange) -> str:
    """A change of code as a clause: `clean_delay (flights/cleaning.py:14) changed`."""
    if change.subject == "package":
        return f"package {change.name} {change.before or 'added'} -> {change.after or 'removed'}"
    if change.subject != "part":
        return f"{change.subject} of {change.name}: {change.before} -> {change.after}"
    verb = "changed" if change.before and change.after else "was added" if change.after else "was removed"
    return f"{code_place(change.name)} {verb}"
