"""Catalogs, states and the past in a line each, for stories about decisions.

    catalog("a", "b <- a", "c[days] <- b", "d[months] <- c", "e[days] <- e@-1", "x y <- a", "z <- (a)")

`[days]` names a scheme of SCHEMES; `@-1` is an offset; `(a)` is waited for but not read; `x y` are two outputs of one
task, `x y?` where the second is optional. Functions below change what such a catalog says.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from latewood.decide.actions import barred, reusable
from latewood.decide.judge import retraction
from latewood.decide.keys import check_key, configuration_digest, inputs_digest, read_version, reuse_key
from latewood.decide.plan import Request, plan
from latewood.decide.state import Refusal, Retracted, Retraction, State, VersionFacts
from latewood.decide.sweep import Sweep
from latewood.events import Action, InputRead, StepStarted
from latewood.model.code import CodePart, CodeVersion
from latewood.model.definitions import (
    AssetDefinition,
    Catalog,
    CheckDefinition,
    Input,
    Output,
    Parameter,
    TaskDefinition,
    UsedResource,
)
from latewood.model.keys import AssetId, AssetKey, RunId, version_id
from latewood.model.mappings import default_mapping, upstream_ordinals
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, key_at
from latewood.model.relations import Offset
from latewood.model.scheme_kinds import Daily, Grid, Monthly, Static
from latewood.model.schemes import DynamicKeys
from latewood.model.types import ANY, TypeSpec

NOW = datetime(2014, 1, 1, tzinfo=UTC)
SCHEMES = {
    "days": Daily("2013-01-01", "2013-03-01"),
    "months": Monthly("2013-01", "2013-03"),
    "few": Daily("2013-01-30", "2013-02-03"),
    "abc": Static(["a", "b", "c"]),
    "square": Grid(day=Daily("2013-01-30", "2013-02-03"), kind=Static(["a", "b"])),
    "keys": DynamicKeys(name="keys", keys=("k0", "k1", "k2"), removed=Ordinals.of([1])),
}

_LINE = re.compile(r"(?P<outputs>[^\[<]+?)\s*(\[(?P<scheme>\w+)\])?\s*(<-\s*(?P<inputs>.*))?")
_INPUT = re.compile(r"(?P<wait>\()?(?P<key>[\w/]+)(@(?P<by>-?\d+))?\)?")


def code(version, *, given=False, **parts):
    """A code version; the parts' digests by function name."""
    found = tuple(CodePart(name=f"assets.py:{name}", digest=text) for name, text in sorted(parts.items()))
    return CodeVersion(version=version, given=given, scheme="test", file="assets.py", qualname="f", parts=found)


def number(name, default, *, in_key=True):
    """A run parameter that is a number."""
    return Parameter(name=name, type=TypeSpec(kind="float"), default=default, in_key=in_key)


def catalog(*lines):
    """The catalog that the lines say, see above."""
    parsed = [_LINE.fullmatch(line) for line in lines]
    schemes = {name.rstrip("?"): SCHEMES.get(m["scheme"]) for m in parsed for name in m["outputs"].split()}
    return Catalog.of(asset for m in parsed for asset in _assets(m, schemes))


def _assets(line, schemes):
    names = line["outputs"].split()
    scheme = SCHEMES.get(line["scheme"])
    outputs = tuple(
        Output(
            name=name.rstrip("?") if len(names) > 1 else "result",
            asset=AssetKey(name.rstrip("?")),
            type=ANY,
            optional=name.endswith("?"),
        )
        for name in names
    )
    inputs = []
    for text in (line["inputs"] or "").split():
        m = _INPUT.fullmatch(text)
        up = schemes.get(m["key"])
        mapping = Offset(by=int(m["by"])) if m["by"] else default_mapping(up, scheme)
        name = m["key"].replace("/", "_")
        inputs.append(Input(name=name, asset=AssetKey(m["key"]), mapping=mapping, type=ANY, loads=not m["wait"]))
    name = outputs[0].asset
    task = TaskDefinition(name=f"assets:{name}", code=code(f"{name}-1"), outputs=outputs, inputs=tuple(inputs))
    return [AssetDefinition(key=o.asset, task=task, output=o.name, partitions=scheme) for o in outputs]


def changed(defined, key, *, partitions=..., **task):
    """The catalog with another task (and scheme) behind `key` and what is made with it."""
    keys = {output.asset for output in defined[key].task.outputs}
    assets = []
    for asset in defined.assets.values():
        if asset.key in keys:
            asset = msgspec.structs.replace(asset, task=msgspec.structs.replace(asset.task, **task))  # noqa: PLW2901
            if partitions is not ...:
                asset = msgspec.structs.replace(asset, partitions=partitions)  # noqa: PLW2901
        assets.append(asset)
    return Catalog.of(assets)


def edited(defined, key, version="2", **parts):
    """The catalog after the code behind `key` was edited."""
    return changed(defined, key, code=code(f"{key}-{version}", **parts))


def checked(defined, key, name="is_right", *, blocking=True):
    """The catalog with one more check on `key`."""
    check = CheckDefinition(
        name=name, task=TaskDefinition(name=f"assets:{name}", code=code(name), outputs=()), blocking=blocking
    )
    asset = msgspec.structs.replace(defined[key], checks=(*defined[key].checks, check))
    return Catalog.of(asset if other.key == key else other for other in defined.assets.values())


def configured(defined, key, values, *, unkeyed=(), name="Store"):
    """The catalog whose task behind `key` asks for a resource with these values; None = it is not configured."""
    digest = "" if values is None else configuration_digest(name, values, {})
    use = UsedResource(parameter="store", resource=name, unkeyed=unkeyed, values=values, digest=digest)
    return changed(defined, key, uses=(use,))


def id_of(key):
    """The id that the builders give a key."""
    return AssetId(f"#{key}")


def content(*parts):
    """A data version made of texts."""
    return f"json1:{sha256('|'.join(parts).encode()).hexdigest()}"


def constant(*keys):
    """User code whose results depend on nothing for these assets."""
    return lambda asset, partition, read: content(
        asset.key, partition, *([] if asset.key in keys else [asset.task.code.version, *read.values()])
    )


def input_of(defined, key, **fields):
    """The catalog with another description of the one thing that `key` reads."""
    (input_,) = defined[key].task.inputs
    return changed(defined, key, inputs=(msgspec.structs.replace(input_, **fields),))


CHAIN = catalog("a", "b <- a", "c <- b")
MIXED = catalog("d[days]", "m[months] <- d", "t <- m")


@dataclass
class World:
    """A past that grows by executing plans: heads and since when, what may be reused, how each version was started.

    `makes(asset, partition, read)` is what user code does: the data version of an output, None for an absent one.
    """

    now: datetime = NOW
    makes: object = None
    heads: dict = field(default_factory=dict)
    since: dict = field(default_factory=dict)
    reusable: dict = field(default_factory=dict)
    started: dict = field(default_factory=dict)
    contents: dict = field(default_factory=dict)
    lost: set = field(default_factory=set)
    definitions: dict = field(default_factory=dict)
    seen: dict = field(default_factory=dict)
    ran: list = field(default_factory=list)
    reused: list = field(default_factory=list)
    checked: set = field(default_factory=set)
    refusals: dict = field(default_factory=dict)
    retractions: list = field(default_factory=list)
    position: int = 0
    runs: int = 0

    def state(self, defined, **other):
        """What decisions see of it."""
        return State(
            environment="prod",
            position=self.position,
            now=self.now,
            ids={key: id_of(key) for key in defined},
            heads={id_: dict(heads) for id_, heads in self.heads.items()},
            reusable=dict(self.reusable),
            logics=frozenset(facts.logic for facts in self.started),
            contents={key: dict(self.contents) for key in defined},
            lost=frozenset(self.lost),
            absent=frozenset(self._absent(defined)),
            checked=frozenset(self.checked),
            refusals=dict(self.refusals),
            retracted=Retracted.of(self.retractions),
            **other,
        )

    def _absent(self, defined):
        """Optional outputs that a head's step did not make."""
        made = {(facts.asset, facts.partition, facts.version) for facts in self.started}
        for asset in defined.assets.values():
            for optional in (o for o in asset.task.outputs if o.optional):
                for head in self.heads.get(id_of(asset.key), {}).values():
                    slot = (id_of(optional.asset), head.partition, head.version)
                    if slot not in made:
                        yield slot

    def plan(
        self, defined, *selected, partitions=None, parameters=None, force=False, failed=False, unjudged=None, **other
    ):
        """The plan for these assets, all when none is named; `parameters` are values, or a Sweep of them."""
        request = Request(
            selected=frozenset(selected or defined),
            partitions=partitions or {},
            parameters=parameters if isinstance(parameters, Sweep) else Sweep.of(parameters or {}),
            force=force,
            failed=failed,
            unjudged=unjudged or {},
        )
        return plan(defined, request, self.state(defined, **other))

    def run(self, defined, *selected, **request):
        """Plan and execute, as an executor would: each step reads what this run made, else heads."""
        made = self.plan(defined, *selected, **request)
        self.ran, self.reused = [], []
        self.runs += 1
        fresh_in_run = {}
        for step in made.steps():
            self._step(defined, made, step, fresh_in_run)
        return made

    def _step(self, defined, made, step, fresh_in_run):
        node = step.task.node
        reads = [self._read(defined, node, i, step.ordinal, fresh_in_run) for i in node.task.inputs if i.loads]
        if any(facts is None for _, read in reads for _, facts in read):
            return  # an optional output was absent
        read = {i.name: read_version(i, [(key, facts.data_version) for key, facts in r]) for i, r in reads}
        inputs = inputs_digest(read.items())
        off = node.task.reuse.is_off
        state = replace(made.state, reusable=self.reusable, now=self.now)
        if not step.is_forced and barred(node, step.partition, inputs, state):
            return
        taken = None if off or step.is_forced else reusable(node, step.partition, inputs, state)
        name = f"{node.keys[0]}:{step.partition}" if step.partition else node.keys[0]
        (self.ran if taken is None else self.reused).append(name)
        self.position += 1
        for index, (asset, id_) in enumerate(zip(node.assets, node.ids, strict=True)):
            facts = taken[index] if taken is not None else self._make(step, asset, id_, read, inputs, reads)
            refused = facts is not None and retraction(node, index, facts, state) is not None
            fresh_in_run[node.slot(asset.key), step.ordinal] = None if refused else facts
            if facts is not None and not node.is_variant and not refused:
                self.point(facts)

    def point(self, facts):
        """Make this version head."""
        heads = self.heads.setdefault(facts.asset, {})
        if heads.get(facts.partition) != facts:
            self.since.setdefault(facts.asset, {})[facts.partition] = self.position
        heads[facts.partition] = facts

    def _read(self, defined, node, input_, ordinal, fresh_in_run):
        up = defined[input_.asset].partitions
        ordinals = upstream_ordinals(input_.mapping, up, node.assets[0].partitions, ordinal, self.now)
        heads = self.heads.get(id_of(input_.asset), {})
        return input_, [
            (key_at(up, o), fresh_in_run.get((node.slot(input_.asset), o), heads.get(key_at(up, o)))) for o in ordinals
        ]

    def _make(self, step, asset, id_, read, inputs, reads):
        node = step.task.node
        makes = self.makes or (lambda a, partition, r: content(a.key, a.task.code.version, partition, *r.values()))
        made = makes(asset, step.partition, read | {n: str(v) for n, v in node.parameters.items()})
        if made is None:
            return None
        key = "" if node.task.reuse.is_off else reuse_key(node.logic, inputs, step.partition)
        facts = VersionFacts(
            asset=id_,
            partition=step.partition,
            version=version_id(RunId(f"run{self.runs}"), step.number),
            position=self.position,
            made_at=self.now,
            duration_ms=1.0,
            data_version=made,
            artifact=f"{made}@{self.position}",
            code=node.task.code.version,
            logic=node.logic,
            inputs=inputs,
            reuse_key=key,
            accepted=True,
        )
        if key:
            self.reusable[key, asset.output] = facts
        self.started[facts] = StepStarted(
            run=RunId(f"run{self.runs}"),
            step=step.number,
            attempt=1,
            assets=node.ids,
            task=node.task.name,
            code=facts.code,
            logic=facts.logic,
            inputs_digest=inputs,
            partition=step.partition,
            parameters=dict(node.parameters),
            configurations={use.resource: use.digest for use in node.task.uses},
            inputs={
                i.name: InputRead(
                    asset=id_of(i.asset),
                    data_version=read[i.name],
                    versions=",".join(facts.version for _, facts in found),
                )
                for i, found in reads
            },
        )
        self.definitions[facts] = asset
        self.seen[facts] = dict(self.contents)
        return facts

    def judge(self, defined, key, *, passed, partition="", data=None):
        """Record the verdict of every check of `key` on its head's data, or on these data."""
        data = data or self.heads[id_of(key)][partition].data_version
        slot = (id_of(key), partition)
        for check in defined[key].checks:
            self.position += 1
            verdict = check_key(check, data, partition, self.contents, defined[key].partitions)
            self.checked.add((*slot, verdict))
            if not passed:
                self.refusals[slot] = (Refusal(check.name, verdict, self.position), *self.refusals.get(slot, ()))

    def retract(self, defined, key, *, partition="", rerun=False, facts=None):
        """Declare the head to be wrong, or that version."""
        facts = facts or self.heads[id_of(key)][partition]
        self.position += 1
        self.retractions.append(
            Retraction(
                asset=facts.asset,
                partition=facts.partition,
                version=facts.version,
                output=defined[key].output,
                data_version=facts.data_version,
                artifact=facts.artifact,
                reuse_key=facts.reuse_key,
                rerun=rerun,
                reason="wrong",
                position=self.position,
            )
        )
        return facts

    def later(self, **time):
        """Let time pass."""
        self.now += timedelta(**time)


def said(made):
    """A plan as text by asset: `run` or, where partitions differ, `run 2013-01-01, fresh 2013-01-02..2013-01-31`."""
    texts = {}
    for task in made.tasks:
        scheme = task.node.assets[0].partitions
        by_action = {action: task.ordinals(action) for action in Action if task.ordinals(action)}
        swept = task.node.trial if len(made.request.parameters) > 1 else ()
        trial = "".join(f" {key}.{name}={value}" for key, name, value in swept)
        texts[" ".join(task.node.keys) + trial] = ", ".join(
            action.value if scheme is None or len(by_action) == 1 else f"{action.value} {describe(scheme, ordinals)}"
            for action, ordinals in by_action.items()
        )
    return texts


def why_planned(made, key):
    """The reasons planned for an asset: `code`, `upstream a`."""
    found = {}
    for task in made.tasks:
        if key in task.node.keys:
            for group in task.groups:
                found |= dict.fromkeys(f"{r.cause.value} {r.subject}".rstrip() for r in group.reasons)
    return list(found)
