"""BatchNorm and MVN, against Caffe."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kits.oracle_layers import Array, Judge, both_refuse, compare

pytestmark = pytest.mark.oracle


def layer(kind: str, settings: str = "", top: str = "y") -> str:
    return f'layer {{ name: "it" type: "{kind}" bottom: "x" top: "{top}" {settings} }}'


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def statistics(channels: int, weight: float) -> dict[tuple[str, int], Array]:
    variances = weight * np.random.default_rng(1).uniform(0.5, 2, channels)
    return {("it", 0): normal(2, channels), ("it", 1): variances.astype(np.float32), ("it", 2): np.float32([weight])}


@pytest.mark.parametrize("shape", [(4, 3, 5, 6), (6, 3), (2, 3, 7), (2, 2, 2, 3, 2)])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("stored", ["", "use_global_stats: true", "use_global_stats: false"])
def test_batch_norm(judge: Judge, shape: tuple[int, ...], phase: str, stored: str) -> None:
    """Tops, gradients, and the blobs after several forwards: three running sums."""
    x = 3 * normal(0, *shape) + np.arange(shape[1]).reshape(-1, *(1,) * (len(shape) - 2)).astype(np.float32)
    for settings, top in (("", "y"), ("moving_average_fraction: 0.9 eps: 0.01", "x")):
        text = layer("BatchNorm", f"batch_norm_param {{ {stored} {settings} }}", top)
        compare(judge, text, {"x": x}, weights=statistics(shape[1], 2.5), phase=phase, forwards=3)


def test_batch_norm_of_one_number_a_channel(judge: Judge) -> None:
    compare(judge, layer("BatchNorm"), {"x": normal(0, 1, 3, 1, 1)}, weights=statistics(3, 1))


def test_batch_norm_that_has_seen_nothing(judge: Judge) -> None:
    """A caffemodel whose third blob is 0: mean and variance count as 0."""
    compare(judge, layer("BatchNorm"), {"x": normal(0, 2, 3, 4, 4)}, weights=statistics(3, 0), phase="TEST")


@pytest.mark.parametrize("specs", [0, 1, 3])
def test_batch_norm_s_blobs_are_not_learnt(judge: Judge, specs: int) -> None:
    text = layer("BatchNorm", specs * "param { lr_mult: 0 }")
    ours = compare(judge, text, {"x": normal(0, 2, 3, 4, 4)}, weights=statistics(3, 1))
    assert not ours.weight_diffs


def test_what_both_refuse(judge: Judge) -> None:
    for settings, shape, wanted in (
        ("param { lr_mult: 1 }", (2, 3), "lr_mult: 0"),
        ("param { lr_mult: 0 } param { decay_mult: 0 }", (2, 3), "lr_mult: 0"),
        ("", (3,), "channels at axis 1"),
    ):
        ours, _ = both_refuse(judge, layer("BatchNorm", settings), {"x": shape})
        assert wanted in ours
    ours, _ = both_refuse(judge, layer("MVN"), {"x": (1, 2, 3, 4, 5)})
    assert "1 to 4 axes" in ours


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (4, 3, 6), (3, 5), (4,)])
def test_mvn(judge: Judge, shape: tuple[int, ...]) -> None:
    for variance, across in itertools.product((True, False), repeat=2):
        settings = f"normalize_variance: {variance} across_channels: {across} eps: 0.1".lower()
        compare(judge, layer("MVN", f"mvn_param {{ {settings} }}"), {"x": 2 * normal(0, *shape) + 1})
    if len(shape) == 4:  # in place Caffe overwrites the gradient that it still needs
        compare(judge, layer("MVN", top="x"), {"x": normal(1, *shape)}, backward=False)


def test_mvn_where_all_is_the_same(judge: Judge) -> None:
    x = normal(0, 2, 3, 4, 4)
    x[0, 1] = 2  # a power of two: its mean is exact
    compare(judge, layer("MVN", "mvn_param { eps: 0.01 }"), {"x": x})
