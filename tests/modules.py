"""What tests import that is nobody's but theirs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latewood.engine.code.sources import is_first_party

TESTS = Path(__file__).parent


@contextmanager
def own_modules() -> Iterator[None]:
    """Users' modules that are loaded meanwhile end with it, and so does where else they were imported from.

    Those of other projects have the same names, and those of the same project may be edited.
    """
    path, before = list(sys.path), set(sys.modules)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None) or ""
            if is_first_party(name, origin) and not Path(origin).is_relative_to(TESTS):
                del sys.modules[name]
