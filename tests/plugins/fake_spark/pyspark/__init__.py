"""As much of pyspark as the driver of a job uses."""
