"""The blobs of other forks' BatchNorm: who says what they are, and the script of docs/caffe_users.md that divides them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST, NetParameter
from caffe_io.errors import MokaError
from caffe_io.prototxt import parse_text, read_net
from caffe_io.weights import batch_norm_of_fork, write_weights
from common.places import ROOT
from training import pycaffe

_INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 4 dim: 5 } } }\n'
_NORM = 'layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" batch_norm_param { eps: 1e-3 } }\n'
_SCALE = 'layer { name: "bn_scale" type: "Scale" bottom: "bn" top: "scaled" scale_param { bias_term: true } }\n'

_draw = np.random.default_rng(5)
_mean, _variance, _scale, _bias = (_draw.uniform(0.5, 2, 3).astype(np.float32) for _ in range(4))
_one = np.ones(1, np.float32)
_FORKS = {
    "NVIDIA": [_mean, _variance, _one, _scale, _bias],
    "early NVIDIA": [_scale, _bias, _mean, _variance, _one],
    "PSPNet": [blob.reshape(1, 3, 1, 1) for blob in (_scale, _bias, _mean, _variance)],
}


@pytest.mark.parametrize(
    ("fork", "words"),
    [
        (
            "NVIDIA",
            "has 5 blobs in the caffemodel, those of NVIDIA's Caffe, .* mean, variance, a factor of 1, scale, bias",
        ),
        ("early NVIDIA", "has 5 blobs .* an early NVIDIA Caffe, .* scale, bias, mean, variance, one number"),
        ("PSPNet", "has 4 blobs .* PSPNet's .* scale, bias, mean, variance"),
    ],
)
def test_the_blobs_of_a_fork_are_named(fork: str, words: str) -> None:
    message = batch_norm_of_fork(_FORKS[fork])
    assert re.search(words, message)
    assert "rite a Scale layer with bias_term: true after it" in message
    assert "ename" not in message, "a renamed layer would lose the statistics"


def test_caffes_own_blobs_are_not_a_forks() -> None:
    assert batch_norm_of_fork([_mean, _variance, _one]) == ""


def _saved(folder: Path, fork: str) -> Path:
    write_weights(folder / "old.caffemodel", parse_text(_INPUT + _NORM, NetParameter(), "n"), {"bn": _FORKS[fork]})
    return folder / "old.caffemodel"


@pytest.mark.parametrize("fork", _FORKS)
def test_training_and_ncs_refuse_them(tmp_path: Path, fork: str, run_command: Callable[..., object]) -> None:
    from caffe_io.weights import read_weights
    from ncs.converter import convert

    weights = _saved(tmp_path, fork)
    (tmp_path / "n.prototxt").write_text(_INPUT.replace("dim: 2", "dim: 1") + _NORM)
    net = read_net(tmp_path / "n.prototxt")
    words = rf'layer "bn".* has {len(_FORKS[fork])} blobs in the caffemodel, .*rite a Scale layer'
    with pytest.raises(MokaError, match=words):
        pycaffe.Net(str(tmp_path / "n.prototxt"), str(weights), TEST)
    with pytest.raises(MokaError, match=words):
        convert(net, read_weights(weights))


@pytest.mark.parametrize("says", ["scale_bias: true", "scale_filler { value: 1 }", "bias_filler { value: 0 }"])
def test_nvidias_are_read_where_the_prototxt_says_so(tmp_path: Path, says: str) -> None:
    """NVIDIA's BatchNorm scales too if it has a filler for that, whatever scale_bias is."""
    from caffe_io.weights import read_weights
    from kits.ncs import run_feed
    from ncs.converter import convert

    weights = _saved(tmp_path, "NVIDIA")
    text = _INPUT.replace("dim: 2", "dim: 1") + _NORM.replace("eps: 1e-3", f"eps: 1e-3 {says}")
    (tmp_path / "n.prototxt").write_text(text)
    net = pycaffe.Net(str(tmp_path / "n.prototxt"), str(weights), TEST)
    x = _draw.integers(0, 9, (1, 3, 4, 5)).astype(np.float32)
    net.blobs["data"].data[...] = x
    net.forward()
    column = (slice(None), None, None)
    expected = (x - _mean[column]) / np.sqrt(_variance[column] + 1e-3) * _scale[column] + _bias[column]
    np.testing.assert_allclose(net.blobs["bn"].data, expected, rtol=1e-5, atol=1e-6)
    model = convert(read_net(tmp_path / "n.prototxt"), read_weights(weights))
    np.testing.assert_allclose(run_feed(model, {"data": x})["bn"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("fork", _FORKS)
def test_the_script_of_the_docs_divides_them(tmp_path: Path, fork: str) -> None:
    page = (ROOT / "docs/caffe_users.md").read_text()
    found = re.search(r"^    # split_batch_norm\.py.*\n((    .*\n|\n)+)", page, re.MULTILINE)
    assert found
    (tmp_path / "split.py").write_text(re.sub("^    ", "", found[1], flags=re.MULTILINE))
    (tmp_path / "n.prototxt").write_text(_INPUT + _NORM + _SCALE)
    words = ["split.py", str(_saved(tmp_path, fork)), "n.prototxt", "new.caffemodel"]
    subprocess.run([sys.executable, *words], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True, timeout=60)
    net = pycaffe.Net(str(tmp_path / "n.prototxt"), str(tmp_path / "new.caffemodel"), TEST)
    x = _draw.normal(size=(2, 3, 4, 5)).astype(np.float32)
    net.blobs["data"].data[...] = x
    net.forward()
    column = (slice(None), None, None)
    expected = (x - _mean[column]) / np.sqrt(_variance[column] + 1e-3) * _scale[column] + _bias[column]
    np.testing.assert_allclose(net.blobs["scaled"].data, expected, rtol=1e-5, atol=1e-6)
