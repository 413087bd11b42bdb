"""Real Caffe loads, runs and trains what compress wrote, and answers as our net does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from kits.compress import answers, feed, write_net, write_small
from kits.compress_nets import NETS
from kits.oracle import caffe, run_caffe
from kits.training_commands import command

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(120)]

# Folders with deploy.prototxt and feed.npz, each followed by a caffemodel -> answers.npz in them.
FORWARD = """
import sys, caffe, numpy as np
for folder, weights in zip(sys.argv[1::2], sys.argv[2::2]):
    net = caffe.Net(folder + "/deploy.prototxt", caffe.TEST, weights=weights)
    for name, values in np.load(folder + "/feed.npz").items():
        net.blobs[name].data[...] = values
    np.savez(folder + "/answers.npz", **net.forward())
"""


def check(nets: Sequence[tuple[Path, Path]]) -> str:
    """Let Caffe run nets, each a folder and a caffemodel, and compare its answers with ours; return its log."""
    for folder, _ in nets:
        np.savez(folder / "feed.npz", **feed(folder))
    words = [str(path) for net in nets for path in net]
    done = subprocess.run(
        [caffe("python"), "-c", FORWARD, *words], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for folder, caffemodel in nets:
        theirs = dict(np.load(folder / "answers.npz"))
        ours = answers(folder, caffemodel)
        assert ours.keys() == theirs.keys()
        for name, expected in theirs.items():
            assert expected.std() > 1e-3 * np.abs(expected).max()
            assert np.abs(ours[name] - expected).max() <= 1e-5 * np.abs(expected).max()
    return done.stderr


def ignored(log: str) -> list[str]:
    """The layers of a caffemodel that Caffe's net does not have; it says so."""
    return re.findall(r"Ignoring source layer (\S+)", log)


def test_caffe_runs_and_trains_a_smaller_net(tmp_path: Path) -> None:
    write_small(tmp_path)
    done = command(
        *("compress", "--net", "Small", "--weights", "Small.caffemodel"),
        *("--rank", "fc=4,conv1=3,fc8=2", "--channels", "fc=12"),
        folder=tmp_path,
    )
    assert done.code == 0, done.err
    out = tmp_path / "prototxt/Small-small"
    assert ignored(check([(out, out / "Small-small.caffemodel")])) == []
    (tmp_path / "models/Small-small").mkdir(parents=True)
    log = run_caffe(
        *("caffe", "train", f"--solver={out / 'solver.prototxt'}", f"--weights={out / 'Small-small.caffemodel'}"),
        folder=tmp_path,
    )
    assert ignored(log) == []
    assert "Optimization Done" in log
    check([(out, tmp_path / "models/Small-small/Small-small_iter_6.caffemodel")])


def test_caffe_runs_nets_with_fewer_channels(tmp_path: Path) -> None:
    """Of each net that the tests of pruning know; what they call DepthwiseConvolution is a Convolution for Caffe."""
    written = []
    for net in NETS:
        folder = tmp_path / net.name
        write_net(
            folder, re.sub(r'"DepthwiseConvolution"(.*?) pad: 1 ', r'"Convolution"\1 pad: 1 group: 6 ', net.deploy)
        )
        done = command(
            *("compress", "--net", "Small", "--weights", "Small.caffemodel", "--channels", net.channels), folder=folder
        )
        assert done.code == 0, done.err
        out = folder / "prototxt/Small-small"
        written.append((out, out / "Small-small.caffemodel"))
    assert ignored(check(written)) == []
