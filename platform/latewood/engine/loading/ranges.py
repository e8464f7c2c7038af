"""Partition-wise tasks: what they must be, to be called for a range of partitions as for each of them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from latewood.model.definitions import Input, Output, Receives
from latewood.model.schemes import GridScheme, Scheme
from latewood.model.types import display


def faults_of_ranges(
    options: Mapping[str, Any],
    receives: Mapping[str, Receives],
    inputs: Iterable[Input],
    outputs: Iterable[Output],
    scheme: Scheme | None,
) -> Iterator[str]:
    """What is wrong with `partition_column=` and what belongs to it, a message each."""
    if "partition_column" not in options:
        if "partitions_per_step" in options:
            yield "partitions_per_step says how a partition-wise task is called: name its partition_column too"
        return
    if not options["partition_column"]:
        yield "partition_column: expected the name of a column, found an empty text"
    if scheme is None or isinstance(scheme, GridScheme):
        yield "partition_column needs partitions of one dimension, partitions=…"
    kinds = set(receives.values())
    if "range" not in kinds or kinds & {"window", "key", "grid key"}:
        yield "is partition-wise: it asks for its partitions by a parameter annotated PartitionRange, and not for one"
    own = set()
    for output in outputs:
        own.add(output.asset)
        if output.type.kind != "table":
            yield f"is partition-wise: its result is a table, pa.Table or Table[…], and not {display(output.type)}"
        if output.optional:
            yield f'is partition-wise: output "{output.name}" cannot be optional; of a partition it may have no rows'
    for input_ in inputs:
        if input_.asset in own:
            yield "is partition-wise: it cannot read its own earlier partitions, which may be in the same call"
