"""BigQuery: queries that it answers, as jobs whose ids are chosen here; their results stay there, as tables.

from latewood.sql import sql_asset

late = sql_asset(
    "reports/late",
    "SELECT carrier, count(*) AS flights FROM `my-project.raw.flights` WHERE delay > :over GROUP BY carrier",
    dialect="bigquery",
    parameters={"over": 15},
)
"""

from latewood_bigquery.connecting import connect

__all__ = ["connect"]
