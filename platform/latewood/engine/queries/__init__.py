"""Queries, answered in this process."""
