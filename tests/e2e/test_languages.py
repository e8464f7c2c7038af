"""The example with programs in bash and node, which know nothing of Latewood: made, reused, edited, explained."""

import json
import re
import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/languages"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on the PATH")


def test_an_edit_of_a_program_makes_what_it_makes_anew_and_why_names_the_file(shell):
    shutil.copytree(EXAMPLE, shell.folder / "examples/languages")
    (shell.folder / "latewood.toml").touch()
    file = ("-f", "examples/languages/assets.py")
    made = json.loads(shell("materialize", "*", *file, "--json"))
    assert (made["ran"], made["reused"]) == (3, 0)
    page = Path(re.search(r"\S+\.file\.html", shell("show", "report"))[0])
    assert "<li>nail: 150</li>" in page.read_text()
    assert "3 reused" in shell("materialize", "*", *file)
    totals = shell.folder / "examples/languages/totals.sh"
    totals.write_text(totals.read_text().replace("sort >>", "sort -r >>"))
    assert "code: examples/languages/totals.sh changed" in shell("plan", "totals", *file)
    assert "2 run, 1 reused" in shell("materialize", "*", *file)
    assert "something_sold" in shell("asset", "report")
    assert "3 of 3 outputs identical" in shell("reproduce", made["run"]), "by the programs of then"
