"""`python -m training draw`: show a net as a table on the terminal and as an SVG picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from caffe_io.net_state import stages_of

from .net_options import add_net_options

EXAMPLE = "./moka draw --model prototxt/AgeNet/train_test.prototxt --out AgeNet.svg"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the net, its state, and the picture."""
    parser.epilog = (
        "The columns converts (to OpenVINO) and compiles (for Myriad X) hold for the type of the layer; a single setting may "
        "still be refused. docs/layers.md lists the comparisons with the original tools."
    )
    add_net_options(parser, phase="TRAIN")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="picture to write (default: the model's name with .svg as its ending)"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing picture")


def main(options: argparse.Namespace) -> None:
    """Print the table and write the picture."""
    from caffe_io.caffe_pb2 import Phase
    from caffe_io.net_state import filter_net
    from caffe_io.prototxt import read_net
    from common.files import atomic_file, refuse_existing
    from common.messages import printable

    from ..drawing.net_picture import draw
    from ..drawing.net_table import make_table
    from ..layers import Context

    model = Path(options.model)
    out: Path = options.out or model.parent / f"{model.stem}.svg"
    refuse_existing(out, options.force)
    phase = Phase.Value(options.phase)
    net = filter_net(read_net(options.model), phase, options.level, stages_of(options))
    table = make_table(net, options.model, Context(phase))
    print(printable(table.text()))
    with atomic_file(out, options.force) as temporary:
        temporary.write_text(draw(table, net.name or model.stem), "utf-8")
    print(f"picture: {out}")
