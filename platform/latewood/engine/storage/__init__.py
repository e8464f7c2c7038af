"""Bytes outside of the log: artifacts by content, archives of source, exported logs."""
