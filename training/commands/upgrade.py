"""`python -m training upgrade IN OUT`: convert a net or solver from an older format to the current one.

This one verb replaces Caffe's upgrade_net_proto_text, upgrade_net_proto_binary and upgrade_solver_proto_text. Text stays text
and binary stays binary.
"""

from __future__ import annotations

import argparse

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.errors import CaffeIOError
from caffe_io.prototxt import parse_text, read_binary_net, read_net, read_text, to_text
from caffe_io.text.upgrade import upgrade_solver
from common.files import atomic_file, refuse_existing
from common.gflags import add_log_options
from common.inputs import open_input

EXAMPLE = "./moka upgrade old_train_val.prototxt train_val.prototxt"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the two files and the kind of the first one."""
    parser.add_argument("input", metavar="IN", help="net (prototxt or caffemodel) or solver (prototxt) to read")
    parser.add_argument("output", metavar="OUT", help="file to write")
    parser.add_argument("--kind", choices=("net", "solver"), default="net", help="kind of IN (default net)")
    parser.add_argument("--force", action="store_true", help="replace an existing OUT")
    add_log_options(parser)


def main(options: argparse.Namespace) -> None:
    """Read, upgrade and write the file."""
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
    """Read and upgrade a solver, but keep its snapshot_prefix as it is, or missing.

    A missing prefix is derived from the file's name when the solver is used, and OUT has another name.
    """
    solver = parse_text(read_text(path), SolverParameter(), path)
    prefix = solver.snapshot_prefix if solver.HasField("snapshot_prefix") else None
    upgrade_solver(solver, path)
    solver.ClearField("snapshot_prefix")
    if prefix is not None:
        solver.snapshot_prefix = prefix
    return solver


def _is_text(path: str) -> bool:
    """Whether the file is prototxt. A binary net always has zero bytes, in its weights or shapes."""
    try:
        with open_input(path) as file:
            return all(b"\0" not in part for part in iter(lambda: file.read(1 << 20), b""))
    except OSError as error:
        raise CaffeIOError(f"{path}: cannot be read ({error.strerror}); expected a net or a solver.") from error
