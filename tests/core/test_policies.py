from datetime import timedelta

import msgspec
import pytest

from latewood.errors import DefinitionError
from latewood.model.policies import Resources, Retry, Reuse, Timeouts

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_the_count_of_retries_comes_first():
    assert Retry(3, backoff=SECOND) == Retry(retries_max=3, backoff=SECOND)
    assert Retry().retries_max == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Retry(-1), "Retry: retries: expected 0 to 1,000, found -1"),
        (lambda: Retry(True), "found True"),
        (lambda: Retry("3"), "found '3'"),
        (lambda: Retry(3, backoff=1), "Retry: backoff: expected a timedelta of 0 or more, found 1"),
        (lambda: Retry(3, backoff=-SECOND), "Retry: backoff"),
        (lambda: Retry(3, factor=0.5), "Retry: factor: expected 1 to 100, found 0.5"),
        (lambda: Retry(3, factor=float("nan")), "found nan"),
        (lambda: Retry(3, cap=60), "Retry: cap: expected a timedelta"),
        (lambda: Retry(3, backoff=2 * HOUR), "Retry: cap: expected at least the backoff (2:00:00)"),
        (lambda: Retry(3, cap=timedelta(days=366)), "at most 365 days"),
        (lambda: Retry(3, jitter=-0.1), "Retry: jitter: expected 0 to 100, found -0.1"),
        (lambda: Timeouts(running=timedelta(0)), "Timeouts: running: expected a timedelta longer than 0"),
        (lambda: Timeouts(queued=60), "Timeouts: queued"),
        (lambda: Timeouts(total=-HOUR), "Timeouts: total"),
        (lambda: Resources(cpu=-1), "Resources: cpu: expected 0 to 10,000 cores, found -1"),
        (lambda: Resources(cpu=float("inf")), "found inf"),
        (
            lambda: Resources(memory="200Mb"),
            'Resources: memory: expected a size such as "200Mi" or "1.5G", found \'200Mb\'',
        ),
        (lambda: Resources(memory="0"), "found '0'"),
        (lambda: Resources(memory=200), "found 200"),
        (lambda: Resources(gpu=0.5), "Resources: gpu"),
        (lambda: Reuse.of(-HOUR), "reuse: expected True, False or a timedelta of 0 or more"),
        (lambda: Reuse.of("no"), "found 'no'"),
        (lambda: Reuse.of(None), "found None"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(make, message):
    with pytest.raises(DefinitionError) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("memory", "count"),
    [
        ("", None),
        ("512", 512),
        ("1k", 1_000),
        ("200M", 200_000_000),
        ("200Mi", 209_715_200),
        ("1.5Gi", 1_610_612_736),
        ("2T", 2_000_000_000_000),
        ("1Ki", 1_024),
    ],
)
def test_memory_is_read_as_bytes(memory, count):
    assert Resources(memory=memory).memory_bytes == count


@pytest.mark.parametrize(
    ("choice", "reuse", "is_off"),
    [
        (True, Reuse(), False),
        (False, Reuse(window=timedelta(0)), True),
        (HOUR, Reuse(window=HOUR), False),
        (timedelta(0), Reuse(window=timedelta(0)), True),
    ],
)
def test_reuse_is_on_off_or_for_a_time(choice, reuse, is_off):
    assert Reuse.of(choice) == reuse
    assert reuse.is_off is is_off


@pytest.mark.parametrize(
    ("policy", "json"),
    [
        (Retry(), "{}"),
        (Retry(3, backoff=SECOND * 5), '{"retries_max":3,"backoff":"PT5S"}'),
        (Timeouts(running=HOUR), '{"running":"PT3600S"}'),
        (Resources(cpu=2, memory="200Mi"), '{"cpu":2,"memory":"200Mi"}'),
        (Reuse(), "{}"),
        (Reuse.of(False), '{"window":"P0D"}'),
    ],
)
def test_policies_are_recorded_as_json_and_read_back(policy, json):
    assert msgspec.json.encode(policy).decode() == json
    assert msgspec.json.decode(json, type=type(policy)) == policy
