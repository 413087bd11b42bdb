"""Compiles the nets of tools/zoo in the sizes of their papers, and AgeNet, and estimates each of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from google.protobuf import text_format

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.prototxt import read_net
from common.places import ROOT
from myriad.blob import read_blob
from myriad.cost import Cost, estimate
from tools.net_table.measure import moka, write_drawn_weights
from tools.zoo import NETS


def costs() -> dict[str, Cost]:
    """Return the estimates by name, with weights that are drawn: the time does not depend on them."""
    found = {}
    for name, entry in NETS.items():
        net = text_format.Parse(entry.writer(entry.full, 1.0).text, NetParameter())
        found[name] = cost_of(net)
        print(f"{name}: {found[name].rate_of_two:.1f} a second, two at a time", flush=True)
    found["AgeNet"] = cost_of(read_net(ROOT / "prototxt/AgeNet/deploy.prototxt"))
    return found


def cost_of(net: NetParameter) -> Cost:
    """Compile a deploy net with drawn weights, and estimate it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prototxt, weights = folder / "net.prototxt", folder / "weights" / "net.caffemodel"
        prototxt.write_text(text_format.MessageToString(net))
        write_drawn_weights(net, weights)
        moka(folder, "compile", "--model", prototxt, "--weights", weights, "--out", folder / "graph", "--no-check")
        (blob,) = (folder / "graph").glob("*.blob")
        return estimate(read_blob(blob))
