"""How numbers are written, and what a table of a run's tasks says."""

import pytest

from builders import World, catalog
from latewood.cli.output import console, duration, number, numbers
from latewood.cli.progress import Progress
from latewood.engine.running.reports import Report
from latewood.model.keys import AssetKey, PartitionKey


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (336776, "336,776"), (2.0, "2"), (0.91827, "0.9183"), (123.456, "123.5"), (12345.678, "12,345.7"),
        (1e-9, "1e-09"), (1e300, "1e+300"), (2**60 + 1, "1,152,921,504,606,846,977"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_a_number_is_as_exact_as_is_read(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"), (0.34, "0.3 ms"), (320.4, "320 ms"), (999.6, "1.0 s"), (31_640, "31.6 s"), (59_960, "1 min 0 s"),
        (185_000, "3 min 5 s"), (7_620_000, "2 h 7 min"), (273_600_000, "3 d 4 h"),
    ],
)  # fmt: skip
def test_a_duration_is_told_as_the_web_interface_tells_it(ms, text):
    assert duration(ms) == text


def test_numbers_beside_each_other_have_as_many_digits_as_tell_them_apart():
    assert numbers([0.5, 0.25, 0.5]) == ["0.5", "0.25", "0.5"]
    assert numbers([0.912341, 0.912349]) == ["0.91234", "0.91235"]
    assert numbers([20_000.51, 20_000.52, 3]) == ["20,000.51", "20,000.52", "3"]
    assert numbers([0.1 + 0.2, 0.3, float("nan")])[:2] == ["0.30000000000000004", "0.29999999999999999"]
    assert numbers([]) == []


def test_what_is_refused_is_not_there(capsys):
    with Progress(World().plan(catalog("d[days]", "t <- d")), console(), live=False) as progress:
        for step, status in enumerate(("succeeded", "succeeded", "refused", "refused", "failed")):
            number_of_step = 1 if status == "refused" else step  # once, and for two reasons
            progress.report(
                Report(assets=(AssetKey("d"),), partition=PartitionKey("p"), status=status, step=number_of_step)
            )
    assert " 1/59 " in capsys.readouterr().out
