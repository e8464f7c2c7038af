"""What spark-submit runs: calls the function of a job with Spark DataFrames, writes what it returns, says what that is.

    spark-submit … driver.py FOLDER

`job.json` in the folder says what to do, `result.json` what came of it, `status.json` how far it is meanwhile. A
DataFrame is written as Parquet, and observed as it is written: its rows, nulls and checksum cost no other job.
It imports nothing of Latewood, which need not be where the driver runs.
"""

import json
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_TELLS_EVERY_S = 1.0
_MESSAGE_MAX = 1_000

_PLAIN = {
    "byte": "int8",
    "short": "int16",
    "integer": "int32",
    "long": "int64",
    "float": "float",
    "double": "double",
    "boolean": "bool",
    "string": "string",
    "binary": "binary",
    "date": "date32",
    "timestamp": "timestamp[us, tz=UTC]",
    "timestamp_ntz": "timestamp[us]",
    "void": "null",
}


def arrow_type(said: Any) -> str:
    """The Arrow type of what Spark's JSON of a schema says. Raises TypeError where there is none."""
    match said:
        case {"type": "array", "elementType": element}:
            return f"list<{arrow_type(element)}>"
        case {"type": "map", "keyType": key, "valueType": value}:
            return f"map<{arrow_type(key)}, {arrow_type(value)}>"
        case {"type": "struct", "fields": fields}:
            inner = ", ".join(f"{json.dumps(field['name'])}: {arrow_type(field['type'])}" for field in fields)
            return f"struct<{inner}>"
        case str() if said in _PLAIN:
            return _PLAIN[said]
        case str() if said.startswith("decimal("):
            precision, scale = said.removeprefix("decimal(").removesuffix(")").split(",")
            return f"decimal128({int(precision)}, {int(scale)})"
    raise TypeError(f"no type of Arrow is like {said} of Spark; cast the column")


def checksum(found: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """What is equal for equal rows in whatever order, of what was observed of them."""
    told = [found["rows"], str(found["sum_0"] or 0), str(found["sum_1"] or 0), list(columns.items())]
    return f"rows{found['rows']}:{sha256(json.dumps(told).encode()).hexdigest()[:32]}"


def write(frame: Any, address: str) -> dict[str, Any]:
    """Write the DataFrame as Parquet to the address; what there is to say of it."""
    from pyspark.sql import Observation  # noqa: PLC0415 - only where spark-submit runs it
    from pyspark.sql import functions as f  # noqa: PLC0415 - as above

    fields = frame.schema.jsonValue()["fields"]
    types = {field["name"]: arrow_type(field["type"]) for field in fields}
    columns = [frame[f"`{name.replace('`', '``')}`"] for name in types]
    parts = [part for column in columns for part in (column.isNull(), column)]  # a null changes no hash by itself
    seen = Observation()
    observed = frame.observe(
        seen,
        f.count(f.lit(1)).alias("rows"),
        # Two sums of 64 bits each, which no order of the rows changes.
        *(f.sum(f.xxhash64(f.lit(seed), *parts).cast("decimal(20,0)")).alias(f"sum_{seed}") for seed in (0, 1)),
        *(f.max(column.isNull()).alias(f"null_{number}") for number, column in enumerate(columns)),
    )
    observed.write.mode("overwrite").parquet(address)
    found = seen.get
    nulls = [found[f"null_{number}"] for number in range(len(columns))]
    described = {name: f"{type_}?" if null else type_ for (name, type_), null in zip(types.items(), nulls, strict=True)}
    return {"address": address, "data_version": checksum(found, types), "columns": described, "rows": found["rows"]}


def read(spark: Any, given: Sequence[Mapping[str, str]]) -> Any:
    """What a parameter receives: a DataFrame of all partitions, or the value of a document."""
    files = [one["path"] for one in given if one["path"]]
    if any(file.endswith(".json") for file in files):
        values = [json.loads(Path(file).read_text()) for file in files]
        return values[0] if len(values) == 1 else values
    places = [f"file://{one['path']}" if one["path"] else one["address"] for one in given]
    return spark.read.parquet(*places) if places else None


def heard(job: Mapping[str, Any]) -> dict[str, Any]:
    """What the function hears of its partition, by parameter."""
    start, end = map(datetime.fromisoformat, job["window"]) if job["window"] else (None, None)
    said = {"partition": job["partition"], "window": SimpleNamespace(start=start, end=end)}
    return {name: said[what] for name, what in job["options"]["receives"].items()}


def function_of(options: Mapping[str, Any], spark: Any) -> Callable[..., Any]:
    """The function that the job is, which has `spark` for a global name."""
    names: dict[str, Any] = {"spark": spark}
    exec(compile(options["source"], f"<{options['name']}>", "exec"), names)  # noqa: S102 - it is what was submitted
    found: Callable[..., Any] = names[options["name"]]
    return found


def main(folder: Path) -> None:
    """Do what the job says."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only where spark-submit runs it

    job = json.loads((folder / "job.json").read_text())
    spark = SparkSession.builder.appName(job["key"]).getOrCreate()
    done = threading.Event()
    telling = threading.Thread(target=_tell, args=(spark.sparkContext, folder, done), daemon=True)
    telling.start()
    try:
        function = function_of(job["options"], spark)
        given = {name: read(spark, versions) for name, versions in job["inputs"].items()}
        returned = function(**given, **job["parameters"], **heard(job))
        outputs = job["outputs"]
        named = {next(iter(outputs)): returned} if len(outputs) == 1 else returned
        result: dict[str, Any] = {"values": {}, "elsewhere": {}}
        for name, value in named.items():
            if hasattr(value, "sparkSession"):
                result["elsewhere"][name] = write(value, outputs[name])
            else:
                result["values"][name] = value
        _leave(folder / "result.json", result)
    except BaseException as error:  # noqa: BLE001 - whatever it is, somebody wants to read it
        traceback.print_exc()
        said = f"{type(error).__name__}: {error}".strip()
        _leave(folder / "error.json", said if len(said) <= _MESSAGE_MAX else f"{said[:_MESSAGE_MAX]}…")
        raise SystemExit(1) from None
    finally:
        done.set()
        telling.join()
        spark.stop()


def _tell(context: Any, folder: Path, done: threading.Event) -> None:
    """How far it is, as long as it goes on."""
    tracker = context.statusTracker()
    while True:
        stages = [found for id_ in tracker.getActiveStageIds() if (found := tracker.getStageInfo(id_)) is not None]
        said = {
            "application": context.applicationId,
            "ui": context.uiWebUrl or "",
            "tasks": sum(stage.numTasks for stage in stages),
            "done": sum(stage.numCompletedTasks for stage in stages),
        }
        _leave(folder / "status.json", said)
        if done.wait(_TELLS_EVERY_S):
            return


def _leave(path: Path, said: Any) -> None:
    """Write the file so that nobody finds a part of it."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(said))
    new.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
