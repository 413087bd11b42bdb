"""The estimate for blobs made by hand: sums, order, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kits.made_blobs import NUMBERS, blob_of, convolution, datum, software
from myriad.cost import FITTED, effort, estimate
from myriad.cost.constants import CLOCK, MOST_INFERENCES
from myriad.cost.effort import HARD, SEEN, UNKNOWN, Trust
from myriad.kinds import KINDS, UNIT
from myriad.stage import Stage
from myriad.unit import Job


def test_the_unit_takes_the_cycles_that_its_mode_says() -> None:
    # 14 x 14 pixels; 64 input channels, 4 at a time; 9 places of the kernel; 11 more in mode 2; 4 jobs of 64 channels.
    stage = convolution(64, 256, 14, 3)
    assert effort(stage).cycles == 4 * 14 * 14 * (16 * 9 + 11)
    cost = estimate(blob_of(stage)).stages[0]
    assert cost.unit == effort(stage).cycles / CLOCK
    assert effort(stage).bytes == 2 * 256 * 64 * 9


def test_pooling_after_a_convolution_is_of_the_larger_picture() -> None:
    stage = convolution(64, 64, 14, 3)
    pooled = replace(
        stage, jobs=tuple(replace(job, job=Job.CONVOLUTION_AND_POOLING, pooling=(2, 2)) for job in stage.jobs)
    )
    assert effort(pooled).cycles == 4 * effort(stage).cycles


@pytest.mark.parametrize("mode", range(5))
def test_more_multiply_adds_take_longer(mode: int) -> None:
    times = [
        estimate(blob_of(convolution(*sizes, mode))).latency
        for sizes in ((64, 64, 14, 1), (128, 64, 14, 1), (128, 128, 14, 1), (128, 128, 14, 3), (128, 128, 28, 3))
    ]
    assert times == sorted(times)
    assert len(set(times)) == len(times)


def test_the_whole_is_the_sum_of_the_stages() -> None:
    blob = blob_of(convolution(64, 256, 14, 3), software("Copy", 1, 8, 14, 14), software("Swish", 1, 8, 14, 14))
    cost = estimate(blob)
    assert len(cost.stages) == len(blob.stages)
    assert cost.latency == pytest.approx(sum(stage.seconds for stage in cost.stages))
    assert cost.latency_of_two == pytest.approx(sum(stage.of_two for stage in cost.stages))
    for stage in cost.stages:
        assert stage.seconds == stage.unit + max(stage.memory, stage.shaves) + stage.start
    assert cost.latency <= cost.latency_of_two < 2 * cost.latency


def test_what_comes_with_an_inference_limits_the_rate() -> None:
    cost = estimate(blob_of(convolution(8, 8, 4, 1)))
    assert cost.latency < 1e-3
    assert cost.rate == cost.rate_of_two == MOST_INFERENCES


def test_a_batch_runs_one_after_another() -> None:
    stages = (convolution(64, 256, 14, 3), software("Sum", 1, 8, 14, 14))
    assert estimate(blob_of(*stages, batch=4)).latency == pytest.approx(4 * estimate(blob_of(*stages)).latency)


def test_more_shaves_help_where_they_are_waited_for() -> None:
    few, many = (estimate(blob_of(software("Swish", 1, 64, 56, 56, shaves=count))).latency for count in (1, 8))
    assert many < few
    # A copy has none.
    few, many = (estimate(blob_of(software("Copy", 1, 64, 56, 56, shaves=0), shaves=count)).latency for count in (1, 8))
    assert many == few


@pytest.mark.parametrize("number", sorted(KINDS))
def test_every_kind_has_a_time_or_is_named(number: int) -> None:
    kind = KINDS[number]
    stage = convolution(8, 8, 4, 1) if number == UNIT else _any_stage(number)
    cost = estimate(blob_of(stage))
    if kind.name in cost.names(Trust.UNKNOWN):
        assert cost.latency == 0
        assert kind.parameters is None or kind.name in UNKNOWN
    else:
        assert cost.latency >= FITTED.stage


def _any_stage(number: int) -> Stage:
    """A stage of this kind with data in all its roles."""
    words = KINDS[number].roles.split()
    parameters = {name: 0 for name, _ in KINDS[number].parameters or ()}
    return Stage(0, number, 8, b"", parameters, tuple(datum(1, 8, 4, 4) for _ in words), 0, 0)


def test_a_kind_that_is_not_in_the_table_is_named() -> None:
    cost = estimate(blob_of(Stage(0, 9999, 0, b"", {}, (), 0, 0)))
    assert cost.names(Trust.UNKNOWN) == ["Type 9999"]


def test_the_tables_name_kinds_that_there_are() -> None:
    assert set(NUMBERS) >= HARD | SEEN | UNKNOWN
    assert not SEEN & UNKNOWN


def test_a_stage_whose_shape_is_computed_is_named() -> None:
    stage = software("Sum", 1, 8, 4, 4)
    data = tuple(replace(each, shape=replace(each.shape, fixed=False)) for each in stage.data)
    assert estimate(blob_of(replace(stage, data=data))).names(Trust.UNKNOWN) == ["Sum"]
