"""The engine: a process that drives runs which others have asked for."""
