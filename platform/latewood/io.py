"""IO: where an asset's values live, when that is not to be the artifact store.

    @asset(partitions=days, io=Parquet("warehouse/flights/{partition}.parquet"))
    def flights(window: TimeWindow) -> pa.Table: ...

A place holds one version: what is stored there later overwrites it, and then the earlier version cannot be loaded,
reused or gone back to. Variants, and what a blocking check refuses, are kept in the artifact store and never get there.
A class of your own, a subclass of `IO`, stores values wherever you like.
"""

from latewood.engine.values.file_io import Csv, Json, Parquet
from latewood.places import IO, Place

__all__ = ["IO", "Csv", "Json", "Parquet", "Place"]
