"""An append-only event log on Postgres: dense commit-ordered positions, projections, leases.

Nothing in this package knows about assets.
"""
