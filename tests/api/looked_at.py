"""How much the database looks at for an answer: what its plan says, not how long it took."""

from sqlalchemy import text

_HAD = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck", "Rows Removed by Join Filter")


def rows_of(connection, statement, given):
    """How many rows it has in hand for this statement."""
    told = connection.execute(text(f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) {statement}"), given)
    return _rows_in(told.scalar_one()[0]["Plan"])


def _rows_in(node):
    own = sum(node.get(name, 0) for name in _HAD)
    return own * node["Actual Loops"] + sum(map(_rows_in, node.get("Plans", ())))
