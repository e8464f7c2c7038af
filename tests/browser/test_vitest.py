"""The stories of the interface's own code, which Node runs: beside those of Python, so that no core waits for them."""

import os
import subprocess
from pathlib import Path

import pytest

NPM = Path(__file__).parents[2] / "ui" / "npm"


def test_every_story_of_the_interfaces_code_is_true():
    if subprocess.run([NPM, "--exists"], check=False).returncode and not os.environ.get("CI"):
        pytest.skip("there is no Node: `make ui` installs one")
    done = subprocess.run([NPM, "--silent", "test"], capture_output=True, text=True, timeout=600, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
