"""As much of BigQuery's API as a connector needs, with what the emulator does not have: ids that are taken once, jobs
that take their time and are stopped, partitions, and answers that are none.

A query that has `no_such` in it fails, one with `long` goes on until it is stopped, and one that begins otherwise than
a query does is refused. Every table has the same two rows.
"""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

SCHEMA = [
    {"name": "n", "type": "INTEGER", "mode": "REQUIRED"},
    {"name": "word", "type": "STRING", "mode": "NULLABLE"},
    {"name": "each", "type": "INTEGER", "mode": "REPEATED"},
]
ROWS = [
    {"f": [{"v": "1"}, {"v": "a"}, {"v": [{"v": "7"}]}]},
    {"f": [{"v": "2"}, {"v": None}, {"v": []}]},
]
MADE = re.compile(r"CREATE OR REPLACE TABLE `([^`]+)` AS ")


class FakeBigQuery:
    """What it has been asked to do, and what it has."""

    def __init__(self):
        self.jobs, self.tables, self.refuses, self.asked = {}, {}, [], []
        self._clock, self._lock = count(1_700_000_000_000, 10_000), threading.Lock()

    def answer(self, method, path, said):
        """The code and the body of an answer."""
        with self._lock:
            self.asked.append((method, path))
            if self.refuses:
                return self.refuses.pop(0)
            match [method, *path.removeprefix("/bigquery/v2/projects/").split("/")]:
                case ["POST", project, "jobs"]:
                    return self._taken(project, said)
                case ["GET", _, "jobs", id_] if id_ in self.jobs:
                    return 200, self.jobs[id_]
                case ["POST", _, "jobs", id_, "cancel"] if id_ in self.jobs:
                    if self.jobs[id_]["status"]["state"] == "RUNNING":
                        self._over(self.jobs[id_], {"reason": "stopped", "message": "Job execution was cancelled"})
                    return 200, {"job": self.jobs[id_]}
                case ["GET", project, "datasets", dataset, "tables", table] if (
                    name := f"{project}.{dataset}.{table}"
                ) in self.tables:
                    return 200, self._described(name)
                case ["GET", project, "datasets", dataset, "tables", table, "data"]:
                    if self.tables.get(f"{project}.{dataset}.{table}"):
                        return 200, {"rows": ROWS, "totalRows": str(len(ROWS))}
                case ["POST", _, "queries"]:
                    return 200, self._summary(said["query"])
        return refusal(404, "notFound", f"Not found: {path.rpartition('/')[2]}")

    def _taken(self, project, said):
        reference, query = said["jobReference"], said["configuration"]["query"]
        if reference["jobId"] in self.jobs:
            return refusal(409, "duplicate", f"Already Exists: Job {reference['jobId']}")
        made = MADE.match(query["query"])
        text = MADE.sub("", query["query"]).strip()
        if not text.startswith(("SELECT", "WITH")):
            return refusal(400, "invalidQuery", 'Syntax error: Unexpected identifier "SELEC" at [1:1]')
        job = {
            "jobReference": {**reference, "location": reference.get("location", "US")},
            "configuration": said["configuration"],
            "status": {"state": "RUNNING"},
            "statistics": {"startTime": str(next(self._clock))},
        }
        self.jobs[reference["jobId"]] = job
        if made is not None:
            names = dict(zip(("projectId", "datasetId", "tableId"), made[1].rsplit(".", 2), strict=True))
            query["destinationTable"] = names
        if "no_such" in text:
            self._over(job, {"reason": "notFound", "message": "Not found: Table p:d.no_such was not found"})
        elif "long" not in text:
            table = query["destinationTable"]
            now = self._over(job, None)
            self.tables[f"{table['projectId']}.{table['datasetId']}.{table['tableId']}"] = now
            whole, _, partition = table["tableId"].partition("$")
            if partition:
                self.tables[f"{table['projectId']}.{table['datasetId']}.{whole}"] = now
        return 200, job

    def _over(self, job, error):
        now = next(self._clock)
        job["status"] = {"state": "DONE", **({"errorResult": error, "errors": [error]} if error else {})}
        job["statistics"]["endTime"] = str(now)
        job["statistics"]["query"] = {
            "totalBytesProcessed": "1000",
            "totalBytesBilled": "10485760",
            "totalSlotMs": "250",
        }
        return now

    def _described(self, name):
        project, dataset, table = name.rsplit(".", 2)
        return {
            "tableReference": {"projectId": project, "datasetId": dataset, "tableId": table},
            "lastModifiedTime": str(self.tables[name]),
            "numRows": str(len(ROWS)),
            "numBytes": "64",
            "schema": {"fields": SCHEMA},
        }

    def _summary(self, text):
        project, dataset, table, partition = re.search(
            r'FROM \[(.+):(.+)\.(.+)\$__PARTITIONS_SUMMARY__\] WHERE partition_id = "(\d+)"', text
        ).groups()
        found = self.tables.get(f"{project}.{dataset}.{table}${partition}")
        return {
            "jobComplete": True,
            "jobReference": {"projectId": project, "jobId": "summary", "location": "US"},
            "schema": {"fields": [{"name": "last_modified_time", "type": "INTEGER"}]},
            "rows": [{"f": [{"v": str(found)}]}] if found else [],
            "totalRows": "1" if found else "0",
        }


def refusal(code, reason, message):
    """An answer that is an error, as BigQuery has it."""
    return code, {"error": {"code": code, "message": message, "errors": [{"reason": reason, "message": message}]}}


@contextmanager
def served():
    """The service, and its address."""
    service = FakeBigQuery()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def _answer(self):
            size = int(self.headers.get("Content-Length", 0))
            said = json.loads(self.rfile.read(size)) if size else None
            code, body = service.answer(self.command, self.path.partition("?")[0].replace("%24", "$"), said)
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = _answer  # noqa: N815 - by these names it is called
        do_POST = _answer  # noqa: N815 - as above

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
