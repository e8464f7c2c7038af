"""Pure decisions: what is stale, what to run, and why."""
