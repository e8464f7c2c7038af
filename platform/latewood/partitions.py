"""Partitions beyond windows of time and lists of keys: grids of dimensions, and keys that come and go.

What `import latewood` offers (Daily, Static, …) makes the schemes that these are made of.
"""

from latewood.model.grids import GridKey
from latewood.model.scheme_kinds import Dynamic, Grid

__all__ = ["Dynamic", "Grid", "GridKey"]
