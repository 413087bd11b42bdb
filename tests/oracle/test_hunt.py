"""Random nets of the whole layer table: each compiles to a blob that computes what its IR does."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_io.layer_types import layer_type
from kits.oracle import movidius
from ncs.layers import LAYERS as CONVERTED
from tools.hunt.hunter import Hunter, judged
from tools.hunt.layers import LAYERS
from tools.hunt.nets import random_net

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("one_thread")]
OTHERS = {
    # Their inputs are boxes, steps or states.
    *(
        "DetectionOutput",
        "LSTM",
        "LSTMUnit",
        "PSROIPooling",
        "PriorBox",
        "PriorBoxClustered",
        "Proposal",
        "RNN",
        "ROIPooling",
    ),
    # They have no bottom, no top, or need others.
    *("Log", "Parameter", "RegionYolo", "Silence"),
}
"""Layer types that are not drawn."""


def test_every_type_is_drawn() -> None:
    assert set(LAYERS) | OTHERS == set(CONVERTED)
    assert all(layer_type(kind) for kind in LAYERS)


def test_the_same_seed_gives_the_same_net() -> None:
    first, again, other = (random_net(seed) for seed in (3, 3, 4))
    assert first.net == again.net
    assert other.net != first.net
    for name, blobs in first.weights.items():
        assert all((a == b).all() for a, b in zip(blobs, again.weights[name], strict=True))


def test_thirty_nets(tmp_path: Path) -> None:
    movidius("python")
    hunter = Hunter(tmp_path)
    try:
        outcomes = {seed: judged(hunter, random_net(seed)) for seed in range(30)}
    finally:
        hunter.close()
    assert {seed: words for seed, (outcome, words) in outcomes.items() if outcome != "agrees"} == {}
