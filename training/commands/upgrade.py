"""`python -m training upgrade IN OUT`: write a net or solver of an older format in the current one.

Text stays text and binary stays binary: in one verb what Caffe's upgrade_net_proto_text, upgrade_net_proto_binary and
upgrade_solver_proto_text do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.errors import CaffeIOError
from caffe_io.prototxt import parse_text, read_binary_net, read_net, read_text, to_text
from caffe_io.text.upgrade import upgrade_solver
from common.files import atomic_file, refuse_existing

EXAMPLE = "./moka upgrade old_train_val.prototxt train_val.prototxt"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The two files, and what the first one is."""
    parser.add_argument("input", metavar="IN", help="net (prototxt or caffemodel) or solver (prototxt)")
    parser.add_argument("output", metavar="OUT", help="file to write")
    parser.add_argument("--kind", choices=("net", "solver"), default="net", help="what IN is (default net)")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")


def main(options: argparse.Namespace) -> None:
    """Read, upgrade, write."""
    refuse_existing(options.output, options.force)
    if options.kind == "solver":
        data = to_text(_read_solver(options.input)).encode()
    elif _is_text(options.input):
        data = to_text(read_net(options.input)).encode()
    else:
        data = read_binary_net(options.input).SerializeToString()
    with atomic_file(options.output, options.force) as temporary:
        temporary.write_bytes(data)
    print(f"wrote the upgraded {options.kind} to {options.output}")


def _read_solver(path: str) -> SolverParameter:
    """Upgraded, but with no snapshot_prefix other than the file's own: a missing one is made from the file's name when it is
    used, and OUT has another name."""
    solver = parse_text(read_text(path), SolverParameter(), path)
    given, prefix = solver.HasField("snapshot_prefix"), solver.snapshot_prefix
    upgrade_solver(solver, path)
    solver.snapshot_prefix = prefix
    if not given:
        solver.ClearField("snapshot_prefix")
    return solver


def _is_text(path: str) -> bool:
    """Whether the file is prototxt: a binary net always has zero bytes, in its weights or shapes."""
    try:
        with Path(path).open("rb") as file:
            return all(b"\0" not in part for part in iter(lambda: file.read(1 << 20), b""))
    except OSError as error:
        raise CaffeIOError(f"{path}: cannot be read ({error.strerror}); wanted a net or a solver.") from error
