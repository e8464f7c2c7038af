"""Stands for spark-submit: runs the driver at once, with the little of pyspark that lies beside this file."""

import runpy
import sys
from pathlib import Path

options = iter(sys.argv[1:])
rest: list[str] = []
for option in options:
    if option.startswith("--"):
        next(options)
    else:
        rest.append(option)
sys.path.insert(0, str(Path(__file__).parent))
sys.argv = rest
runpy.run_path(rest[0], run_name="__main__")
