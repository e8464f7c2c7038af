"""Sessions and DataFrames over pyarrow tables."""

from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

from pyspark.sql.functions import Column

ARROW = {"long": "int64", "string": "string", "double": "double"}
SPARK = {arrow: spark for spark, arrow in ARROW.items()}


class Observation:
    def __init__(self):
        self.get = {}


class DataFrame:
    def __init__(self, session, table):
        self.sparkSession = session
        self.table = table
        self.write = self
        self.seen = []

    @property
    def schema(self):
        fields = [{"name": f.name, "type": SPARK[str(f.type)], "nullable": True} for f in self.table.schema]
        return SimpleNamespace(jsonValue=lambda: {"type": "struct", "fields": fields})

    def __getitem__(self, name):
        return Column(lambda table: table[name.strip("`")].to_pylist())

    def observe(self, observation, *columns):
        self.seen.append((observation, columns))
        return self

    def mode(self, how):
        assert how == "overwrite"
        return self

    def parquet(self, address):
        from pyarrow import parquet

        folder = Path(address.removeprefix("file://"))
        folder.mkdir(parents=True)
        parquet.write_table(self.table, folder / f"part-{uuid4()}.parquet")
        (folder / "_SUCCESS").touch()
        for observation, columns in self.seen:
            observation.get |= {column.name: column.of(self.table) for column in columns}


class Session:
    def __init__(self):
        tracker = SimpleNamespace(getActiveStageIds=lambda: [7, 8], getStageInfo=self.stage)
        self.sparkContext = SimpleNamespace(
            applicationId="app-1", uiWebUrl="http://driver:4040", statusTracker=lambda: tracker
        )
        self.read = SimpleNamespace(parquet=self.parquet)

    @staticmethod
    def stage(number):
        return SimpleNamespace(numTasks=4, numCompletedTasks=1) if number == 7 else None

    def createDataFrame(self, rows, schema):
        import pyarrow as pa

        names = [column.split() for column in schema.split(", ")]
        columns = zip(*rows, strict=True) if rows else [[]] * len(names)
        arrays = {n: pa.array(list(c), ARROW[t]) for (n, t), c in zip(names, columns, strict=True)}
        return DataFrame(self, pa.table(arrays))

    def parquet(self, *places):
        import pyarrow as pa
        from pyarrow import parquet

        return DataFrame(self, pa.concat_tables([parquet.read_table(p.removeprefix("file://")) for p in places]))

    def stop(self):
        pass


class Builder:
    def appName(self, _):
        return self

    def getOrCreate(self):
        return Session()


class SparkSession:
    builder = Builder()
