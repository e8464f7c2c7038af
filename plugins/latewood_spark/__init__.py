"""Spark: assets and tasks that a cluster computes, by `spark-submit`.

import pyarrow as pa
from latewood import asset
from latewood_spark import spark_task

@asset
@spark_task()
def by_carrier(flights: pa.Table) -> pa.Table:
    from pyspark.sql import functions as f

    return flights.groupBy("carrier").agg(f.count("*").alias("n"))
"""

from latewood_spark.authoring import spark_task
from latewood_spark.connecting import connect

__all__ = ["connect", "spark_task"]
