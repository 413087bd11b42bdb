"""Networks that are compiled over others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.prototxt import parse_text
from caffe_io.weights import write_weights
from common.errors import MokaError
from common.places import ROOT
from inference.devices.cpu import CpuDevice

from .case import Broken, Case, contents, same_command


def network_cases() -> dict[str, Case]:
    """Return a case for the whole of a compilation, and one for its end."""
    weights = ("--model=../inputs/Net_deploy.prototxt", "--weights=../inputs/new.caffemodel")
    compiled = ("ncs", "compile", *weights, "--out=out", "--force")
    table = {}
    for name, begin in (("ncs", ".Net.*"), ("ncs, the renames", "Net.xml")):
        table[name] = Case(
            _networks, compiled, begin, "Net.json", _check_networks, same_command, ("Net.xml", "Net.bin")
        )
    return table


_DEPLOY = """name: "Net"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 64 dim: 64 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 400 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def _networks(inputs: Path, before: Path) -> None:
    """Write two sets of weights (10 MB in FP16 each) and compile the older one."""
    net = parse_text(_DEPLOY, NetParameter(), "Net_deploy.prototxt")
    (inputs / "Net_deploy.prototxt").write_text(_DEPLOY)
    for seed, name in enumerate(("old", "new")):
        chance = np.random.default_rng(seed)
        weights = {"fc": [chance.normal(0, 1e-3, (400, 3 * 64 * 64)).astype(np.float32), np.zeros(400, np.float32)]}
        write_weights(inputs / f"{name}.caffemodel", net, weights)
    words = ("ncs", "compile", "--model", inputs / "Net_deploy.prototxt", "--weights", inputs / "old.caffemodel")
    subprocess.run([sys.executable, "-m", *words, "--out", before], cwd=ROOT, check=True, capture_output=True)


def _check_networks(out: Path, undisturbed: Path, before: Path) -> str:
    """Expect a complete set, old or new, or one that the runner refuses with an error of its own."""
    files = ("Net.xml", "Net.bin", "Net.blob", "Net.json")
    word = ""
    for place, name in ((before, "the old set"), (undisturbed, "the new set")):
        if all(contents(out / file) == contents(place / file) for file in files):
            word = name
    from common.card import read_cards

    try:
        device = CpuDevice(read_cards(out))
        device.close()
        refused = list(device.refused.values())
    except MokaError as error:
        refused = [error]
    if refused and word:
        raise Broken(f"{word} is refused: {refused[0]}") from refused[0]
    if not refused and not word:
        raise Broken("a mixed set, which the runner accepts")
    return word or "a mixed set, which is refused"
