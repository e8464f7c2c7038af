"""Jobs in other systems: what is submitted, what is told of one, and how a task says that it is one.

Values that a connector speaks. They are plain data, and hold no value of a user's but parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from latewood.model.keys import UNPARTITIONED, PartitionKey


class RunsOn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That a task is a job of a connector, by its name, as definitions record it.

    `options` say what the job is, and are part of the code version; `settings` say how it is run, and decide no result.
    """

    connector: str
    options: dict[str, Any] = {}
    settings: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInput:
    """A version that a job reads: of which partition, its content by data version, and where it lies.

    `path` is the file or folder of an artifact, and empty for what lies elsewhere: then `address` says where. What a
    job of this `connector` has left in its system is not brought here: it is read there, by the address that was told.
    """

    partition: PartitionKey
    data_version: str
    address: str
    path: str = ""
    connector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutput:
    """What a job is to make: of which type, as messages write it, and the file that is this attempt's alone.

    A job that makes tables elsewhere, or small values, leaves the file alone.
    """

    type: str
    path: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be run: for one attempt of one step, whose `key` no other one has.

    `options` and `settings` are those of the task, `parameters` its run parameters as JSON. `partition` is empty where
    there is none; `window` is when it begins and ends, where it is one of time. `labels` say whose it is: project,
    environment, asset, run, step and attempt, for systems that show such.
    """

    key: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    parameters: Mapping[str, Any]
    inputs: Mapping[str, tuple[JobInput, ...]]
    outputs: Mapping[str, JobOutput]
    labels: Mapping[str, str]
    partition: PartitionKey = UNPARTITIONED
    window: tuple[datetime, datetime] | None = None
    timeout: timedelta | None = None


class JobState(StrEnum):
    """How far a job is, in the words of no system."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing will come of it any more."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """An output that stays in the system where its job has made it: a table, a folder of files.

    address       where it lies, in one line; whoever asks this connector for it says the same
    data_version  what tells one content from another and is the same for the same content: a checksum. What a system
                  merely counts up will do, but then all that reads it is made anew whenever it is
    fingerprint   what tells whether that lies there still: an etag, a snapshot's number. By default the data version
    columns       their types by name, as Arrow writes them, with a `?` where there may be nulls; empty if unknown
    rows, bytes   how large it is, where the system says so
    metadata      what else is worth recording of it
    """

    address: str
    data_version: str
    fingerprint: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    bytes: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """What a system says of a job.

    state      how far it is
    message    in the system's own words: what it is at, or why it failed
    progress   the share that is done, from 0 to 1; None where the system does not say
    metrics    what it has used: bytes, rows, slot-ms, cost; those of the last answer are recorded as metadata
    links      pages about it, by what they are called
    values     of what it made: outputs that are small, by name, as JSON. Others are in their files
    elsewhere  outputs that stay where they were made, by name
    more_logs  whether `logs` may have more than it had; to be asked for nothing costs a call
    """

    state: JobState
    message: str = ""
    progress: float | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    elsewhere: Mapping[str, Elsewhere] = field(default_factory=dict)
    more_logs: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLogs:
    """What a job has printed since a cursor, and the cursor behind that; whether there is `more` at once."""

    text: str
    cursor: str
    more: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """There is a job with that key, and this is its handle."""

    handle: str


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no job with that key, and there will be none of what was submitted before now."""


@dataclass(frozen=True, slots=True)
class UnknownUntil:
    """There is none yet; one that was submitted may still appear before that instant."""

    until: datetime


Finding = Found | Absent | UnknownUntil
