"""The connector to BigQuery: query jobs whose ids are the keys that the engine has recorded.

    [connectors.bigquery]
    project = "my-project"                       # by default that of the credentials
    dataset = "latewood"                         # where tables are made; each environment should have its own
    location = "EU"                              # of the dataset, and so of all jobs
    credentials = { file = "key.json" }          # by default those of the environment that the engine runs in
    maximum_bytes_billed = 10_000_000_000

BigQuery takes a job's id once, for good: of two who submit one key at once, or again, one is told that it is there. So
nothing has to be kept here, and a request of which nobody knows whether it came through may be made again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import bigquery
from google.oauth2 import service_account
from requests import RequestException

from latewood.plugin import (
    Absent,
    Elsewhere,
    Finding,
    Found,
    Job,
    JobLogs,
    JobState,
    JobStatus,
    PermanentError,
    TransientError,
)
from latewood_bigquery.columns import arrow_columns
from latewood_bigquery.statements import configuration

_WITHIN_S: Final = 60
"""For an answer; what takes longer is asked again."""

_PASSES: Final = frozenset(
    {"backendError", "internalError", "jobRateLimitExceeded", "quotaExceeded", "rateLimitExceeded"}
)
"""Reasons that come with a code of refusals, and pass."""

_CODES: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Codes of what passes whatever the reason."""

_STATES: Final = {"PENDING": JobState.QUEUED, "RUNNING": JobState.RUNNING}

_PAGE_ROWS: Final = 50_000

_CLOCKS: Final = timedelta(seconds=2)
"""By which a table may seem to be written after its job has ended: they are clocks of many machines."""


class Handle(NamedTuple):
    """A job as BigQuery itself writes it: `PROJECT:LOCATION.ID`."""

    project: str
    location: str
    id: str

    def __str__(self) -> str:
        return f"{self.project}:{self.location}.{self.id}"

    @classmethod
    def of(cls, text: str) -> "Handle":
        """The inverse. Raises PermanentError for what was never one."""
        where, _, id_ = text.rpartition(".")
        project, _, location = where.rpartition(":")
        if not (project and location and id_):
            raise PermanentError(f"no such job: {text}")
        return cls(project, location, id_)

    @property
    def page(self) -> str:
        """Its page in the console."""
        return f"https://console.cloud.google.com/bigquery?project={self.project}&j=bq:{self.location}:{self.id}&page=queryresults"


class BigQuery:
    """Runs queries in one location, and has their tables in one dataset. Any number of threads may use it."""

    def __init__(
        self,
        client: bigquery.Client,
        dataset: str,
        location: str,
        settings: Mapping[str, Any],
        labels: Mapping[str, str],
    ) -> None:
        self._client = client
        self._dataset = dataset
        self._location = location
        self._settings = settings
        self._labels = labels

    def submit(self, job: Job, /) -> str:
        """Have it answered; where its id is taken, that is this job."""
        said = configuration(job, self._client.project, self._dataset, self._settings, self._labels)
        with _translated():
            try:
                self._client.query(
                    said["query"]["query"],
                    job_config=bigquery.QueryJobConfig.from_api_repr(said),
                    job_id=job.key,
                    location=self._location,
                    retry=None,
                    job_retry=None,
                    timeout=_WITHIN_S,
                )
            except Conflict as error:
                if _reason(error) != "duplicate":
                    raise
        return str(self._handle(job.key))

    def find(self, key: str, since: datetime, /) -> Finding:  # noqa: ARG002
        """Whether BigQuery knows the id. A request still under way would find it taken, or take it for all others."""
        handle = self._handle(key)
        with _translated():
            try:
                self._job(handle)
            except NotFound:
                return Absent()
        return Found(str(handle))

    def poll(self, handle: str, /) -> JobStatus:
        """How it is, and of what it has made what its table says."""
        known = Handle.of(handle)
        with _translated():
            job = self._job(known)
            said: dict[str, Any] = {"metrics": _used(job), "links": {"bigquery": known.page}, "more_logs": False}
            if job.state in _STATES:
                return JobStatus(state=_STATES[job.state], **said)
            if job.error_result:
                is_stopped = job.error_result.get("reason") == "stopped"
                state = JobState.CANCELLED if is_stopped else JobState.FAILED
                return JobStatus(state=state, message=job.error_result.get("message", ""), **said)
            return JobStatus(state=JobState.SUCCEEDED, elsewhere={"result": self._left(job)}, **said)

    def logs(self, handle: str, cursor: str, /) -> JobLogs:  # noqa: ARG002
        """Nothing: a query prints nothing."""
        return JobLogs(text="", cursor=cursor)

    def cancel(self, handle: str, /) -> None:
        """Have it stopped, in a while."""
        known = Handle.of(handle)
        with _translated():
            self._client.cancel_job(
                known.id, project=known.project, location=known.location, retry=None, timeout=_WITHIN_S
            )

    def fingerprint(self, address: str, /) -> str:
        """When the table, or its partition, was written last."""
        with _translated():
            found = self._there(address)
        return "" if found is None else found.version

    def fetch(self, address: str, path: Path, /) -> None:
        """Bring its rows as one file."""
        from pyarrow import parquet, schema  # noqa: PLC0415 - only who has tables asks

        with _translated():
            described = self._table(address)
            # Of the partition, whose own description BigQuery does not promise: its columns are those of the table.
            read = self._client.list_rows(
                _reference(address),
                selected_fields=described.schema,
                page_size=_PAGE_ROWS,
                retry=None,
                timeout=_WITHIN_S,
            )
            batches = read.to_arrow_iterable()
            first = next(batches, None)
            if first is None:
                parquet.write_table(self._none_of(described), path)
                return
            plain = schema([field.remove_metadata() for field in first.schema])
            with parquet.ParquetWriter(path, plain) as writer:
                for batch in chain([first], batches):
                    writer.write_batch(batch.cast(plain))

    def _none_of(self, table: bigquery.Table) -> Any:
        """A table of its columns, without rows."""
        empty = self._client.list_rows(table, max_results=0).to_arrow(create_bqstorage_client=False)
        return empty.cast(type(empty.schema)([field.remove_metadata() for field in empty.schema]))

    # ── what BigQuery is asked ────────────────────────────────────────────────────────────────────────

    def _handle(self, key: str) -> Handle:
        return Handle(self._client.project, self._location, key)

    def _job(self, handle: Handle) -> Any:
        return self._client.get_job(
            handle.id, project=handle.project, location=handle.location, retry=None, timeout=_WITHIN_S
        )

    def _table(self, address: str) -> bigquery.Table:
        return self._client.get_table(_reference(address.partition("$")[0]), retry=None, timeout=_WITHIN_S)

    def _left(self, job: Any) -> Elsewhere:
        """What the job has made. What was written since then is another one's, and not to be taken for it."""
        table = job.destination
        address = f"{table.project}.{table.dataset_id}.{table.table_id}"
        there = self._there(address)
        if there is None or there.modified > job.ended + _CLOCKS:
            made = f"{_milliseconds(job.ended)}-overwritten"
            return Elsewhere(address=address, data_version=made)
        return Elsewhere(
            address=address,
            data_version=there.version,
            columns=arrow_columns(there.columns),
            rows=there.rows,
            bytes=there.bytes,
        )

    def _there(self, address: str) -> "_Content | None":
        """What lies there; None for nothing."""
        _, _, partition = address.partition("$")
        try:
            table = self._table(address)
            if not partition:
                return _Content(table.modified, table.schema, table.num_rows, table.num_bytes)
            name = f"{table.project}:{table.dataset_id}.{table.table_id}$__PARTITIONS_SUMMARY__"
            # By this its own client lists partitions, too. It costs nothing.
            asked = f'SELECT last_modified_time FROM [{name}] WHERE partition_id = "{partition}"'  # noqa: S608 - a name
            found = [
                *self._client.query_and_wait(
                    asked,
                    job_config=bigquery.QueryJobConfig(use_legacy_sql=True),
                    location=self._location,
                    api_timeout=_WITHIN_S,
                    wait_timeout=_WITHIN_S,
                    retry=None,
                    job_retry=None,
                )
            ]
        except NotFound:
            return None
        if not found:
            return None
        return _Content(_EPOCH + timedelta(milliseconds=int(found[0][0])), table.schema)


class _Content(NamedTuple):
    """What is known of what lies somewhere."""

    modified: datetime
    columns: Sequence[bigquery.SchemaField]
    rows: int | None = None
    bytes: int | None = None

    @property
    def version(self) -> str:
        """What is another one whenever it is written; the rows are told so that people see something in it."""
        written = str(_milliseconds(self.modified))
        return written if self.rows is None else f"{written}-{self.rows}"


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _reference(address: str) -> bigquery.TableReference:
    """Of a table, or a partition: the project may have dots, too."""
    try:
        project, dataset, table = address.rsplit(".", 2)
    except ValueError:
        raise PermanentError(f"expected PROJECT.DATASET.TABLE, found {address}") from None
    return bigquery.DatasetReference(project, dataset).table(table)


def _used(job: Any) -> dict[str, Any]:
    """What it has cost, as far as that is known yet."""
    found = {
        "bytes_processed": job.total_bytes_processed,
        "bytes_billed": job.total_bytes_billed,
        "slot_ms": job.slot_millis,
    }
    return {name: value for name, value in found.items() if value is not None}


def _reason(error: GoogleAPICallError) -> str:
    said = error.errors[0] if error.errors else {}
    return str(said.get("reason", "")) if isinstance(said, Mapping) else ""


@contextmanager
def _translated() -> Iterator[None]:
    """Whatever BigQuery, and the way there, may answer, as what an engine understands: in BigQuery's own words.

    What is wrong here, a disk that is full for instance, is not of these.
    """
    try:
        yield
    except GoogleAPICallError as error:
        said = error.errors[0] if error.errors else {}
        message = said.get("message") if isinstance(said, Mapping) else ""
        passes = error.code in _CODES or _reason(error) in _PASSES
        raise (TransientError if passes else PermanentError)(message or error.message) from error
    except GoogleAuthError as error:
        passes = isinstance(error, TransportError) or bool(getattr(error, "retryable", False))
        raise (TransientError if passes else PermanentError)(str(error)) from error
    except (RequestException, ConnectionError, TimeoutError) as error:
        raise TransientError(str(error)) from error


def connect(
    *,
    project: str = "",
    dataset: str = "latewood",
    location: str = "US",
    credentials: str = "",
    maximum_bytes_billed: int | None = None,
    priority: str = "interactive",
    labels: Mapping[str, str] | None = None,
    endpoint: str = "",
) -> BigQuery:
    """What `[connectors.bigquery]` in latewood.toml is read by.

    project               whose jobs and dataset they are; by default the one that credentials are of
    dataset               where tables are made; it has to be there
    location              of the dataset. Jobs are looked for there alone
    credentials           the key of a service account, as its file has it; by default what Google's libraries find
    maximum_bytes_billed  of a job: one that would read more fails, and costs nothing
    priority              interactive, or batch: then BigQuery begins when it has slots to spare
    labels                of all jobs, besides project, environment, asset, run, step and attempt
    endpoint              of another service than Google's; one of `http:` is asked without credentials
    """
    found = None
    if credentials:
        key = json.loads(credentials)
        found = service_account.Credentials.from_service_account_info(key, scopes=_SCOPES)
        project = project or found.project_id
    elif endpoint.startswith("http:"):
        found = AnonymousCredentials()
    options = {"api_endpoint": endpoint} if endpoint else None
    client = bigquery.Client(project=project or None, credentials=found, client_options=options, location=location)
    settings: dict[str, Any] = {"priority": priority}
    if maximum_bytes_billed is not None:
        settings["maximum_bytes_billed"] = maximum_bytes_billed
    return BigQuery(client, dataset, location, settings, labels or {})


_SCOPES: Final = ("https://www.googleapis.com/auth/bigquery",)
