"""Running steps: what is read, the boundary to user code, facts to the log, worker processes."""
