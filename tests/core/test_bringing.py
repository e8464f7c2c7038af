"""What a plan says that it would have brought here from other systems."""

from collections import Counter

from builders import World, catalog, changed, id_of, input_of
from latewood.decide import bringing
from latewood.decide.bringing import brought
from latewood.model.jobs import RunsOn
from latewood.model.partitions import key_at
from latewood.model.relations import All


def world(defined, *keys):
    """All of it made, the values of these assets left in `there`."""
    made = World()
    made.run(defined)
    for key in keys:
        heads = made.heads[id_of(key)]
        for of, facts in heads.items():
            heads[of] = facts._replace(artifact=f"io:@there:{key}-{of}#e1")
    return made


def said(made, defined):
    return [(one.asset, one.connector, one.readers, [*one.versions], one.remade) for one in brought(made, defined)]


def test_what_lies_elsewhere_is_brought_once_for_all_that_read_it_here():
    defined = catalog("days", "total <- days", "mean <- days", "other")
    past = world(defined, "days")
    assert said(past.plan(defined, force=True), defined) == [("days", "there", ["mean", "total"], [""], 1)]


def test_nothing_is_brought_for_what_does_not_run_nor_for_jobs_of_that_system():
    defined = catalog("days", "total <- days", "counted <- days")
    past = world(defined, "days")
    assert said(past.plan(defined), defined) == []
    jobs = changed(
        changed(defined, "total", runs_on=RunsOn(connector="there")), "counted", runs_on=RunsOn(connector="x")
    )
    assert said(past.plan(jobs, "total", "counted", force=True), jobs) == [("days", "there", ["counted"], [""], 0)]


def test_of_partitions_those_that_are_read_by_what_runs():
    defined = catalog("days[few]", "months[months] <- days")
    past = world(defined, "days")
    ((*_, versions, _),) = said(past.plan(defined, "months", force=True), defined)
    assert versions == ["2013-01-30", "2013-01-31", "2013-02-01", "2013-02-02"]


def test_what_each_partition_reads_all_of_is_looked_at_once(monkeypatch):
    defined = input_of(catalog("days[days]", "sums[days] <- days"), "sums", mapping=All())
    past = world(defined, "days")
    heads = past.heads[id_of("days")]
    for of in [*heads][::2]:
        heads[of] = heads[of]._replace(artifact="io:@far:days#e1")
    heads["2013-01-03"] = heads["2013-01-03"]._replace(artifact="here")
    made, looked = past.plan(defined, "sums", force=True), Counter()
    monkeypatch.setattr(bringing, "key_at", lambda scheme, ordinal: looked.update([ordinal]) or key_at(scheme, ordinal))
    far, near = sorted(said(made, defined), key=lambda one: one[1])
    assert (far[1], len(far[3]), near[1], len(near[3])) == ("far", 29, "there", 29)
    assert set(looked.values()) == {1}
