"""A log that does some things in its own way."""


class Through:
    """That log, but for the methods that are given."""

    def __init__(self, log, **instead):
        self._log = log
        self.__dict__.update(instead)

    def __getattr__(self, name):
        return getattr(self._log, name)
