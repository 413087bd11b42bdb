"""Real Caffe loads, runs and trains what compress wrote, and answers as our net does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kits.compress import answers, feed, write_small
from kits.oracle import caffe, run_caffe
from kits.training_commands import command

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(120)]

FORWARD = """
import sys, caffe, numpy as np
net = caffe.Net(sys.argv[1], caffe.TEST, weights=sys.argv[2])
for name, values in np.load(sys.argv[3]).items():
    net.blobs[name].data[...] = values
np.savez(sys.argv[4], **net.forward())
"""


def caffes_answers(folder: Path, caffemodel: Path) -> dict[str, np.ndarray]:
    """What Caffe's deploy net in `folder` answers to the input of `kits.compress.feed`."""
    np.savez(folder / "feed.npz", **feed(folder))
    words = [folder / "deploy.prototxt", caffemodel, folder / "feed.npz", folder / "answers.npz"]
    done = subprocess.run(
        [caffe("python"), "-c", FORWARD, *words], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # Caffe leaves out a layer of the file that the net lacks, and says so.
    assert not {"conv1", "fc", "fc8"} & {word.split("_")[0] for word in ignored(done.stderr)}
    return dict(np.load(folder / "answers.npz"))


def ignored(log: str) -> list[str]:
    """The layers of a caffemodel that Caffe's net does not have."""
    return re.findall(r"Ignoring source layer (\S+)", log)


def same(folder: Path, caffemodel: Path) -> None:
    ours, theirs = answers(folder, caffemodel), caffes_answers(folder, caffemodel)
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        assert expected.std() > 1e-3 * np.abs(expected).max()
        assert np.abs(ours[name] - expected).max() <= 1e-5 * np.abs(expected).max()


def test_caffe_runs_and_trains_a_net_of_low_rank(tmp_path: Path) -> None:
    write_small(tmp_path)
    done = command(
        *("compress", "--net", "Small", "--weights", "Small.caffemodel", "--rank", "fc=4,conv1=3,fc8=2"),
        folder=tmp_path,
    )
    assert done.code == 0, done.err
    out = tmp_path / "prototxt/Small-small"
    same(out, out / "Small-small.caffemodel")
    (tmp_path / "models/Small-small").mkdir(parents=True)
    log = run_caffe(
        *("caffe", "train", f"--solver={out / 'solver.prototxt'}", f"--weights={out / 'Small-small.caffemodel'}"),
        folder=tmp_path,
    )
    assert ignored(log) == [] and "Optimization Done" in log
    same(out, tmp_path / "models/Small-small/Small-small_iter_6.caffemodel")
