"""What became of processes that tests have had started."""

import os


def is_alive(pid):
    """Whether there is one of that number, be it one that has ended and that nobody has asked how."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
