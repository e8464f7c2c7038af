"""Queries in SQL: what they read, what they ask for, what they are, and where their columns come from.

The one home of sqlglot, an extra: nothing that does without SQL imports from here.
"""
