"""The year of flights out of New York, after an edit that makes things stale and a report that fails."""

import shutil
from pathlib import Path

from browser.served import ROOT
from e2e.shell import Shell

PROBLEM = "no names for 3 airports"


def flights(shell: Shell, what: str = "*", *, january: int = 31, slowly: float = 0) -> Shell:
    """The project as it is shown: these assets, then days of January by new code, which takes so long for a column."""
    shutil.copytree(ROOT / "examples" / "flights", shell.folder / "flights")
    made = shell.run("materialize", what, "--quiet", "-f", "flights/assets.py")
    assert made.code == 0, made.err
    edit(shell.folder / "flights" / "assets.py", "often = delays", f'raise ValueError("{PROBLEM}")\n    often = delays')
    assert PROBLEM in shell.run("materialize", "reports/worst_routes", "-f", "flights/assets.py").err
    cleaning, before = shell.folder / "flights" / "cleaning.py", "pc.cast(delay, pa.float64())"
    edit(cleaning, f"return {before}", f"time.sleep({slowly})\n    return pc.add({before}, 0)")
    edit(cleaning, "from datetime", "import time\nfrom datetime")
    days = ("--partition", f"2013-01-01..2013-01-{january:02}")
    again = shell.run("materialize", "flights/daily", *days, "--quiet", "-f", "flights/assets.py")
    assert again.code == 0, again.err
    return shell


def edit(file: Path, before: str, after: str) -> None:
    """As somebody does who works on it."""
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))
