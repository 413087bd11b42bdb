"""The constants are those of the fit to published figures, and its error is the one that is printed."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from kits.made_blobs import blob_of, convolution, software
from myriad.cost.constants import FITTED, LATENCIES, RATES
from myriad.cost.effort import effort
from myriad.cost.estimate import seconds
from tools.blob_cost import page
from tools.blob_cost.fit import Fitted, fit, spread
from tools.blob_cost.published import Published, asks, efforts, read


@pytest.fixture(scope="module")
def nets() -> list[Published]:
    return read()


@pytest.fixture(scope="module")
def found(nets: list[Published]) -> Fitted:
    return fit([net for net in nets if not net.left_out])


def test_the_constants_are_those_of_the_fit(found: Fitted) -> None:
    assert asdict(FITTED) == pytest.approx(asdict(found.constants), rel=0.01)


@pytest.mark.parametrize(("said", "which"), [(RATES, "rates"), (LATENCIES, "latencies")])
def test_the_error_is_that_of_nets_left_out(found: Fitted, said, which: str) -> None:
    assert asdict(said) == pytest.approx(asdict(spread(list(getattr(found, which).values()))), abs=0.01)


def test_the_table_of_the_page_is_up_to_date(nets: list[Published], found: Fitted) -> None:
    lines = page.PAGE.read_text().splitlines()
    assert [line for line in page.published_table(nets, found) if line not in lines] == []


def test_estimates_tell_more_than_multiply_adds_alone(nets: list[Published], found: Fitted) -> None:
    used = [net for net in nets if not net.left_out]
    rates = sorted(net.rate * net.multiply_adds for net in used)
    alone = spread([rates[len(rates) // 2] / (net.rate * net.multiply_adds) for net in used])
    assert alone.median > 1.3 > spread(list(found.rates.values())).median


def test_what_a_blob_asks_takes_as_long_as_its_stages() -> None:
    blob = blob_of(
        convolution(64, 256, 14, 3),
        software("Copy", 1, 64, 14, 14),
        software("Swish", 1, 64, 28, 28),
        software("Sum", 1, 64, 28, 28),
    )

    whole = seconds([effort(stage) for stage in blob.stages], FITTED, FITTED.memory)
    assert seconds(efforts(asks(blob)), FITTED, FITTED.memory) == pytest.approx(whole, rel=1e-4)


def test_every_figure_names_its_source(nets: list[Published]) -> None:
    assert len(nets) > 20
    for net in nets:
        assert net.source.startswith("https://") and net.rate > 0 and net.shaves and net.threads
        assert net.efforts or net.left_out
