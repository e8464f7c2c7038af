"""What the words of the schema's enumerations mean, by word."""

from collections.abc import Mapping
from typing import Final

STATUSES: Final[Mapping[str, str]] = {
    "fresh": "It is what would be computed now, and so is all that it reads.",
    "stale": "A run would make something else, or something that it reads is not fresh.",
    "missing": "Some of it was never made.",
}

FLAGS: Final[Mapping[str, str]] = {
    "failed": "The latest attempt to make some of it failed, or a blocking check refuses it.",
    "running": "A run is making some of it.",
    "waiting": "It waits for the value of a parameter, or for an optional output that is absent.",
    "retracted": "What it has, or would read, was declared to be wrong.",
    "absent": "Its task ran and did not make it, as an optional output may be.",
}

TROUBLES: Final[Mapping[str, str]] = {
    "failed": "The latest attempt to make some of it failed, or a blocking check keeps it from being head.",
    "refused": "A blocking check refuses what is head.",
    "overdue": "A policy of freshness wants it more current than it is.",
    "check failed": "A check that is not blocking did not pass.",
    "blocked": "It is not fresh, and what it reads failed, was never observed, or waits itself; or a value is missing.",
}

ABSENCES: Final[Mapping[str, str]] = {
    "outside": "It is not in the store: others made it, or it lies at a place that the server does not read.",
    "gone": "Its artifact is gone: it was collected, or somebody deleted it.",
    "unreadable": "Only the code that wrote it can read it, or it is damaged.",
    "too large": "It can only be read as a whole, and is too large for that.",
}

CONFIDENCES: Final[Mapping[str, str]] = {
    "exact": "These are all columns that its values were computed from.",
    "partial": "These are some of them; of others it is not known.",
    "unknown": "None is known.",
}

USES: Final[Mapping[str, str]] = {
    "head": "It counts there.",
    "past head": "It counted there, and does not any more.",
    "refused": "A blocking check kept it from counting.",
    "variant": "It was made there with other parameters, and never counted.",
    "elsewhere": "It was made in another environment, and never counted there.",
    "retracted": "It is wrong, or equals what is.",
}

ORIGINS: Final[Mapping[str, str]] = {
    "made": "Its task makes them.",
    "external": "Others make them; Latewood observes.",
    "virtual": "It is a view of other assets, and has none of its own.",
}

RUN_STATUSES: Final[Mapping[str, str]] = {
    "queued": "No process drives it yet.",
    "running": "A process drives it.",
    "succeeded": "All its steps succeeded, or were reused.",
    "failed": "Some step failed; what did not depend on it was made.",
    "cancelled": "Somebody ended it before it was done.",
    "interrupted": "Its process died; what it had finished stays and is reused.",
}

CAUSES: Final[Mapping[str, str]] = {
    "missing": "It was never made.",
    "code": "The code that makes it is other than the code that made it.",
    "parameters": "The parameters of its task have other values.",
    "configuration": "A resource that its task uses is configured otherwise.",
    "input": "What it reads has other content than what was read.",
    "upstream": "Something that it reads is not fresh itself.",
    "forced": "It was asked for, whatever is there.",
    "reuse off": "Its task is never reused.",
    "reuse window ended": "It is older than its task allows.",
    "artifact lost": "Its artifact is gone.",
    "overwritten": "Something else lies at its place now.",
    "changed outside of Latewood": "Somebody else changed what lies at its place.",
    "unchecked": "A blocking check has not judged it.",
    "not at its place yet": "It is to be copied to where this environment keeps it.",
    "refused": "A blocking check refuses it.",
    "absent": "Its task did not make it, as an optional output may be.",
    "retracted": "It was declared to be wrong.",
    "failed": "The latest attempt failed.",
    "branch not taken": "The condition that it depends on says otherwise.",
    "never observed": "Nobody has looked at it yet.",
    "changed since it was observed": "It is other than what was seen last.",
}

AUTOMATIONS: Final[Mapping[str, str]] = {
    "schedule": "Ticks of a clock ask for runs, or for a look at what others make.",
    "rule": "A condition on assets, which asks for a run once for each cause.",
    "freshness": "A policy that says how current assets have to be.",
    "sensor": "User code that is asked, at intervals or when something happened, whether to run something.",
    "notify": "Tells somebody outside what happened.",
}

MAPPINGS: Final[Mapping[str, str]] = {
    "identity": "The one of the same key.",
    "window_overlap": "Those that share time with it: of a month its days, of a day its month.",
    "last": "The last one there is.",
    "all": "Every one there is.",
    "offset": "The one so many further on, or before.",
    "fixed_keys": "Some that are named, whichever it is.",
    "along": "Of a grid, along each dimension by a kind of its own.",
    "listed": "What a function of its author says of each.",
}

ACTIONS: Final[Mapping[str, str]] = {
    "run": "It is computed.",
    "reuse": "An earlier version is what would be computed, and is taken.",
    "depends": "Only the content of something that runs before it can tell whether it is computed.",
    "fresh": "It is as it should be; nothing is done.",
    "blocked": "It reads what is not there and is not going to be made.",
    "skip": "It is in a branch that is not taken.",
}

DECISIONS: Final[Mapping[str, str]] = {
    "run": "It was computed, or tried to be.",
    "reused": "An earlier version was taken in its place.",
    "skipped": "It was not run, because of another step.",
    "waits": "Nothing was decided of it yet.",
    "left": "The run was over before anything was decided of it.",
}

WAITS: Final[Mapping[str, str]] = {
    "steps": "For steps before it in its run, which make what it reads, to end.",
    "engine": "For an engine to take its run, if there is any.",
    "retry": "For the time at which its next attempt is due.",
    "slot": "For a slot of a pool, or of the project's quota, all of which are taken.",
    "other run": "For a step, mostly of another run, which computes the same: its result is going to be taken.",
    "turn": "For its turn: a free worker, where others of a higher priority come first.",
}

SKIPS: Final[Mapping[str, str]] = {
    "upstream failed": "What it reads was not made, since its step failed.",
    "blocking check failed": "A blocking check refuses what it reads.",
    "optional output absent": "It reads an optional output that its task did not make.",
    "branch not taken": "It is in a branch that was not taken.",
    "retracted": "What it would have made was declared to be wrong.",
    "input retracted": "What it reads was declared to be wrong.",
}

WANTED: Final[Mapping[str, str]] = {
    "missing": "What was never made.",
    "stale": "What is other than what would be computed now.",
    "failed": "What failed last, whatever is there.",
}

ROLES: Final[Mapping[str, str]] = {
    "viewer": "Sees everything, changes nothing.",
    "operator": "Lets things run: launches, cancels, retries, reports, turns automations on and off.",
    "deployer": "Decides what is current and what is deployed.",
    "admin": "Decides who else may do what.",
}
