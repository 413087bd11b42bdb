"""Times training beside busy programs: FaceRes, with as many threads as Moka chooses, with one, and with all.

    .venv/bin/python -m tools.bench.busy

It takes about ten minutes. Nothing else should be running.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from caffe_io.caffe_pb2 import Datum
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.mean import write_mean
from common.commands import Parser, run
from common.errors import UsageError
from common.places import ROOT
from recipes.nets.face_net import files
from recipes.nets.table import NETS
from training.solvers.precision import PRECISIONS, choose_precision

NET = NETS["FaceRes"]
ALL = {"OMP_NUM_THREADS": str(os.cpu_count())}
SETTINGS = {
    "as Moka does": {},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "all threads": ALL,
    "and they spin": {**ALL, "GOMP_SPINCOUNT": "300000"},
}
"""What is compared -> variables of the environment."""
_BUSY = "while True: pass"


def write_net(folder: Path) -> None:
    """Write FaceRes, and databases of random pictures, into `folder`."""
    random = np.random.default_rng(0)
    for name, text in files(NET).items():
        path = folder / "prototxt" / NET.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub(r"(test_interval|snapshot): \d+", r"\1: 100000", text))
    shape = (len(NET.picture.mean), NET.picture.side, NET.picture.side)
    for part in ("train", "test"):
        names = (str(folder / f"{NET.data}_{part}"), str(folder / f"{NET.data}_{part}_labels"))
        with write_lmdb(names[0]) as pictures, write_lmdb(names[1]) as labels:
            for number in range(256):
                key = b"%04d" % number
                pictures.put(key, array_to_datum(random.integers(0, 256, shape, np.uint8), 0).SerializeToString())
                values = [float(random.integers(0, 101)), float(random.integers(0, 2))]
                labels.put(key, Datum(channels=2, height=1, width=1, float_data=values).SerializeToString())
    write_mean(folder / "data/soft/years.binaryproto", np.eye(101, dtype=np.float32)[None])


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Let so many programs compute beside."""
    programs = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def pace(folder: Path, variables: dict[str, str], iterations: int, precision: str) -> float:
    """Return the iterations a second of a training, its start left out."""
    command = [str(ROOT / "moka"), "train", "--solver", f"prototxt/{NET.name}/solver.prototxt", "--force"]
    command += ["--precision", precision, "--max_iter", str(iterations)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, env={**os.environ, **variables}
    )
    paces = re.findall(r"\(([\d.]+) iter/s, ", done.stderr + done.stdout)
    return float(paces[-1])


def main(argv: Sequence[str]) -> None:
    """Print a table: a row for each setting, a column for each number of busy programs."""
    parser = Parser("python -m tools.bench.busy", "python -m tools.bench.busy", "time training beside busy programs")
    parser.add_argument("--iterations", type=int, default=101, help="iterations of each run (default: %(default)s)")
    parser.add_argument("--busy", type=int, default=2, help="most programs beside (default: %(default)s)")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="as train has it (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    if options.iterations <= 50:
        raise UsageError(
            f"--iterations {options.iterations}: expected more than 50, after which the log shows the first pace."
        )
    import torch  # loading it takes a second

    precision = choose_precision(options.precision, torch.device("cpu"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_net(folder)
        print(
            f"{NET.name}, batch {NET.batch}, {precision}, iterations/s beside busy programs, on {os.cpu_count()} processors"
        )
        print("busy programs".ljust(20), *(str(count).rjust(6) for count in range(options.busy + 1)))
        for setting, variables in SETTINGS.items():
            found = []
            for count in range(options.busy + 1):
                with busy(count):
                    found.append(pace(folder, variables, options.iterations, precision))
            print(setting.ljust(20), *(f"{value:6.2f}" for value in found), flush=True)


if __name__ == "__main__":
    run(main)
