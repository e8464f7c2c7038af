"""What happened, as events of OpenLineage. Pure: the same happening is the same event each time.

Source: the specification of OpenLineage 2-0-2 and of its facets, by the classes of openlineage-python.
"""

from importlib.metadata import version
from typing import Final
from uuid import UUID, uuid5

from openlineage.client.event_v2 import (
    DatasetEvent,
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
    StaticDataset,
    set_producer,
)
from openlineage.client.facet_v2 import (
    DatasetFacet,
    JobFacet,
    RunFacet,
    base_subset_dataset,
    column_lineage_dataset,
    dataset_version_dataset,
    documentation_dataset,
    documentation_job,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    ownership_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
    tags_run,
)

from latewood.plugin import (
    ColumnTold,
    DatasetMade,
    DatasetRead,
    DatasetSeen,
    Happening,
    RunHappened,
    RunTold,
    StepHappened,
    Turn,
)

_VERSION: Final = version("latewood")

set_producer(f"latewood:{_VERSION}")

_IDS: Final = UUID("b9a0d0f2-3c5e-5d0b-9a53-8f0e7c1d6a44")
"""Of runs' ids: never another one, or what is told again would be another run."""

_STATES: Final = {
    Turn.BEGAN: RunState.START,
    Turn.DONE: RunState.COMPLETE,
    Turn.FAILED: RunState.FAIL,
    Turn.ENDED: RunState.ABORT,
}

_MAIN: Final = "prod"
"""The environment whose jobs and datasets bear the project's name alone."""

_BY_HAND: Final = "materialize"
_KEYS_MAX: Final = 3


def event_of(happening: Happening, namespace: str = "") -> RunEvent | DatasetEvent:
    """The event that tells of it; `namespace` stands in place of the project's name."""
    match happening:
        case RunHappened():
            return _of_run(happening, namespace)
        case StepHappened():
            return _of_step(happening, namespace)
        case DatasetSeen():
            return DatasetEvent(
                eventTime=happening.at.isoformat(),
                dataset=StaticDataset(
                    namespace=_namespace(namespace or happening.project, happening.dataset.environment),
                    name=happening.dataset.key,
                    facets=_facets(happening.dataset, namespace or happening.project),
                ),
            )


def run_id(told: RunTold, *step: int) -> str:
    """The id of a run; with the numbers of a step and its attempt, that of the attempt."""
    return str(uuid5(_IDS, "/".join((told.project, told.run, *map(str, step)))))


def _namespace(name: str, environment: str) -> str:
    return name if environment == _MAIN else f"{name}/{environment}"


def _of_run(happening: RunHappened, namespace: str) -> RunEvent:
    facets: dict[str, RunFacet] = {"processing_engine": _engine(), "tags": _tags(happening.of)}
    if happening.message:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=happening.message, programmingLanguage="PYTHON"
        )
    told = _parent(happening.of, namespace)
    job: dict[str, JobFacet] = {"jobType": _type("RUN")}
    if happening.selection:
        job["documentation"] = documentation_job.DocumentationJobFacet(description=f"asked for: {happening.selection}")
    return RunEvent(
        eventType=_STATES[happening.turn],
        eventTime=happening.at.isoformat(),
        run=Run(runId=told.run.runId, facets=facets),
        job=Job(namespace=told.job.namespace, name=told.job.name, facets=job),
    )


def _of_step(happening: StepHappened, namespace: str) -> RunEvent:
    project = namespace or happening.of.project
    facets: dict[str, RunFacet] = {
        "parent": _parent(happening.of, namespace),
        "processing_engine": _engine(),
        "tags": _tags(
            happening.of,
            step=str(happening.step),
            partition=happening.partition,
            task=happening.task,
            code=happening.code,
            connector=happening.connector,
            reused="true" if happening.reused else "",
        ),
    }
    if happening.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=happening.error, programmingLanguage="PYTHON", stackTrace=happening.traceback or None
        )
    job: dict[str, JobFacet] = {"jobType": _type("STEP")}
    if happening.description:
        job["documentation"] = documentation_job.DocumentationJobFacet(description=happening.description)
    # What a variant makes is no content of the asset: told as one, it would be taken for its latest.
    outputs = () if happening.variant else happening.outputs
    return RunEvent(
        eventType=_STATES[happening.turn],
        eventTime=happening.at.isoformat(),
        run=Run(runId=run_id(happening.of, happening.step, happening.attempt), facets=facets),
        job=Job(namespace=_namespace(project, happening.of.environment), name=_job(happening), facets=job),
        inputs=[_input(read, project) for read in happening.inputs],
        outputs=[_output(made, project) for made in outputs],
    )


def _job(happening: StepHappened) -> str:
    """The job's name: the assets that it makes. Variants are a job of their own, whose lineage is not the assets'."""
    keys = happening.assets
    more = f" and {len(keys) - _KEYS_MAX} more" if len(keys) > _KEYS_MAX else ""
    name = "+".join(keys[:_KEYS_MAX]) + more
    return f"{name}.variant" if happening.variant else name


def _parent(told: RunTold, namespace: str) -> parent_run.ParentRunFacet:
    return parent_run.ParentRunFacet(
        run=parent_run.Run(runId=run_id(told)),
        job=parent_run.Job(
            namespace=_namespace(namespace or told.project, told.environment), name=f"run:{told.name or _BY_HAND}"
        ),
    )


def _engine() -> processing_engine_run.ProcessingEngineRunFacet:
    return processing_engine_run.ProcessingEngineRunFacet(version=_VERSION, name="Latewood")


def _type(of: str) -> job_type_job.JobTypeJobFacet:
    return job_type_job.JobTypeJobFacet(processingType="BATCH", integration="LATEWOOD", jobType=of)


def _tags(told: RunTold, **more: str) -> tags_run.TagsRunFacet:
    """By which somebody who sees the event finds the run, or the step."""
    tags = {"environment": told.environment, "run": told.run, **more}
    return tags_run.TagsRunFacet(
        tags=[
            tags_run.TagsRunFacetFields(key=f"latewood.{name}", value=value, source="LATEWOOD")
            for name, value in tags.items()
            if value
        ]
    )


# ── datasets ──────────────────────────────────────────────────────────────────────────────────────────


def _input(read: DatasetRead, project: str) -> InputDataset:
    facets: dict[str, DatasetFacet] = {}
    if read.version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=read.version)
    found = InputDataset(namespace=_namespace(project, read.environment), name=read.key, facets=facets)
    if read.partitions:
        condition = _partition(read.partitions)
        found.inputFacets = {"subset": base_subset_dataset.InputSubsetInputDatasetFacet(inputCondition=condition)}
    return found


def _output(made: DatasetMade, project: str) -> OutputDataset:
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=made.rows, size=made.size)
    found = OutputDataset(namespace=_namespace(project, made.environment), name=made.key, facets=_facets(made, project))
    found.outputFacets = {"outputStatistics": statistics} if (made.rows, made.size) != (None, None) else {}
    if made.partition:
        condition = _partition(made.partition)
        found.outputFacets["subset"] = base_subset_dataset.OutputSubsetOutputDatasetFacet(outputCondition=condition)
    return found


def _partition(name: str) -> base_subset_dataset.PartitionSubsetCondition:
    found = base_subset_dataset.Partition(identifier=name, dimensions={"partition": name})
    return base_subset_dataset.PartitionSubsetCondition(partitions=[found])


def _facets(made: DatasetMade, project: str) -> dict[str, DatasetFacet]:
    facets: dict[str, DatasetFacet] = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=made.version)
    }
    if made.columns:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=[_field(column) for column in made.columns])
    if made.description:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(description=made.description)
    if made.owners:
        owners = [ownership_dataset.Owner(name=owner) for owner in made.owners]
        facets["ownership"] = ownership_dataset.OwnershipDatasetFacet(owners=owners)
    if made.column_sources:
        fields = {each.column: _sources(each, project) for each in made.column_sources}
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields)
    return facets


def _field(column: str) -> schema_dataset.SchemaDatasetFacetFields:
    name, _, type_ = column.partition(": ")
    return schema_dataset.SchemaDatasetFacetFields(name=name, type=type_ or None)


def _sources(told: ColumnTold, project: str) -> column_lineage_dataset.Fields:
    """What is known of a column, and in words whether that is all of it."""
    direct = column_lineage_dataset.Transformation(type="DIRECT")
    inputs = [
        column_lineage_dataset.InputField(
            namespace=_namespace(project, environment), name=key, field=column, transformations=[direct]
        )
        for environment, key, column in told.sources
    ]
    found = column_lineage_dataset.Fields(inputFields=inputs)
    if told.confidence != "exact":
        found.transformationDescription = "computed from other columns as well, of which nothing is known"
    return found
