"""Fuzzes caffe_io, lmdb_build, myriad and the sources of inference with damaged files of every kind that they read.

    python -m tools.fuzz [--count 100000] [--seed 0]

A file may be read, or refused with one of our errors. Anything else is a failure: another exception, ten seconds of
computing, a gigabyte of memory. The file is then kept in --failures, and the exit code is 1. The same seed gives the same
files.
"""

from __future__ import annotations

import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from caffe_io.blobs import blob_to_array
from caffe_io.caffe_pb2 import TEST, TRAIN, BlobProto, NetParameter, SolverState
from caffe_io.databases.lmdb_store import LmdbReader, write_lmdb
from caffe_io.datum import datum_to_array, parse_datum
from caffe_io.graph import NetGraph
from caffe_io.hdf5 import read_hdf5_state, read_hdf5_weights
from caffe_io.mean import read_mean
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_binary_net, read_net, read_solver, to_text
from caffe_io.weights import read_solverstate, read_weights
from common.commands import LOGGER, Parser, run
from common.errors import MokaError

from . import fuzz_blobs, fuzz_lmdb_build, fuzz_sources
from . import fuzz_inputs as inputs

# On a disk, every database would wait for the disk at its end.
_IN_MEMORY = Path("/dev/shm")
# Exit codes of a fork that reads.
_FAILED, _REFUSED = 3, 4
# Processor time that an input may take.
_SECONDS = 10
# Memory that all inputs together may take.
_BYTES = 1 << 30


class _Hang(BaseException):
    """An input took too long. This is not an Exception, so that nothing that is fuzzed catches it."""


@dataclass
class Tally:
    """The outcomes of one kind of input."""

    read: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        """How many inputs were tried."""
        return self.read + self.refused + len(self.failures)


def _read_net_text(path: Path) -> None:
    _use_net(read_net(path))


def _read_net_binary(path: Path) -> None:
    _use_net(read_binary_net(path))


def _use_net(net: NetParameter) -> None:
    to_text(net)
    net.SerializeToString()
    for phase in (TRAIN, TEST):
        check_net(NetGraph(filter_net(net, phase)), "fuzzed")


def _read_solver(path: Path) -> None:
    to_text(read_solver(path))


def _read_solverstate(path: Path) -> None:
    for blob in read_solverstate(path).history:
        blob_to_array(blob)


def _read_record(path: Path) -> None:
    datum_to_array(parse_datum(path.read_bytes()))


def _read_database(path: Path) -> None:
    """Write a record into an LMDB and read it again."""
    folder = path.with_name("record_lmdb")
    data = path.read_bytes()
    with write_lmdb(folder, force=True) as database:
        database.put(data[:30], data)
    with LmdbReader(folder) as reader:
        for _, value in reader.items():
            datum_to_array(parse_datum(value))


def _read_cut_database(path: Path) -> None:
    """Read a data.mdb that was cut short."""
    folder = path.with_name("cut_lmdb")
    folder.mkdir(exist_ok=True)
    path.replace(folder / "data.mdb")
    with LmdbReader(folder) as reader:
        for _ in reader.items():
            pass


def _read_damaged_pages(path: Path) -> None:
    """Read a data.mdb in a fork: LMDB trusts its pages, so damage that our check overlooks may end the process."""
    with warnings.catch_warnings():
        # Of threads, which the child does not use.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        # Time limits are not inherited, and nothing of Python's runs while LMDB hangs.
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        code = _FAILED
        try:
            _read_cut_database(path)
            code = 0
        except MokaError:
            code = _REFUSED
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == _REFUSED:
        raise MokaError
    if code:
        raise AssertionError(f"the reading process ended with {code}")


def _database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        with write_lmdb(Path(folder) / "db") as database:
            for index in range(60):
                database.put(b"%08d" % index, bytes([index]) * (50 if index % 3 else 6000))
        return (Path(folder) / "db" / "data.mdb").read_bytes()


_Make = Callable[[random.Random], bytes]
"""Makes one input."""


def _damaged(valid: list[bytes], kind: type[NetParameter | SolverState | BlobProto] | None = None) -> _Make:
    def make(chance: random.Random) -> bytes:
        if kind is not None and chance.random() < 0.2:
            return inputs.with_other_sizes(kind.FromString(chance.choice(valid)), chance)
        return inputs.damaged(valid, chance)

    return make


def _damaged_text(valid: list[bytes]) -> _Make:
    return lambda chance: inputs.damaged_text(valid, chance)


def kinds() -> dict[str, tuple[_Make, Callable[[Path], object]]]:
    """Return the kinds of input: for each, what makes an input and what reads it."""
    database = _database()
    return {
        "net, text": (_damaged_text(inputs.texts()), _read_net_text),
        "solver, text": (_damaged_text(inputs.solver_texts()), _read_solver),
        "net, binary": (_damaged(inputs.caffemodels(), NetParameter), _read_net_binary),
        "caffemodel": (_damaged(inputs.caffemodels(), NetParameter), read_weights),
        "solverstate": (_damaged(inputs.solverstates(), SolverState), _read_solverstate),
        "HDF5 weights": (_damaged(inputs.hdf5_weights()), read_hdf5_weights),
        "HDF5 state": (_damaged(inputs.hdf5_states()), read_hdf5_state),
        "binaryproto": (_damaged(inputs.means(), BlobProto), read_mean),
        "Datum": (_damaged(inputs.records()), _read_record),
        "LMDB record": (_damaged(inputs.records()), _read_database),
        "LMDB, cut": (lambda chance: inputs.cut_short(database, chance), _read_cut_database),
        "LMDB, pages": (lambda chance: inputs.damaged_pages(database, chance), _read_damaged_pages),
        **fuzz_lmdb_build.kinds(),
        **fuzz_sources.kinds(),
        **fuzz_blobs.kinds(),
    }


def _report(line: str) -> None:
    print(line, flush=True)


def fuzz(
    count: int, seed: int, failures: Path | None = None, report: Callable[[str], None] = _report
) -> dict[str, Tally]:
    """Try `count` inputs, divided among the kinds, and count the outcomes. Inputs that fail are kept in `failures`."""
    logger = logging.getLogger(LOGGER)
    # There would be thousands of warnings about fields of forks.
    logger.disabled = True
    tallies = {}
    try:
        with (
            tempfile.TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as folder,
            _limits(),
            _quiet_decoders(),
        ):
            table = kinds()
            for number, (kind, (make, read)) in enumerate(table.items()):
                share = count // len(table) + (number < count % len(table))
                tallies[kind] = tally = Tally()
                for index in range(share):
                    data = make(random.Random(f"{seed} {kind} {index}"))
                    before = len(tally.failures)
                    _try(data, read, Path(folder) / "input", tally)
                    if failures and len(tally.failures) > before:
                        failures.mkdir(parents=True, exist_ok=True)
                        (failures / f"{kind.replace(', ', '_').replace(' ', '_')}_{seed}_{index}").write_bytes(data)
                report(f"{kind:13} {tally.inputs:7} inputs: {tally.read:6} read, {tally.refused:6} refused, "
                       f"{len(tally.failures):3} failures; slowest {1000 * tally.slowest:.0f} ms")  # fmt: skip
    finally:
        logger.disabled = False
    return tallies


def _try(data: bytes, read: Callable[[Path], object], path: Path, tally: Tally) -> None:
    path.write_bytes(data)
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        read(path)
        tally.read += 1
    except MokaError:
        tally.refused += 1
    except (Exception, _Hang):
        tally.failures.append(traceback.format_exc(limit=-3))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    tally.slowest = max(tally.slowest, time.process_time() - start)


@contextmanager
def _limits() -> Iterator[None]:
    """Limit the time of one input and the memory of all."""

    def ring(number: int, frame: object) -> None:
        raise _Hang

    old_handler = signal.signal(signal.SIGPROF, ring)
    old_limits = resource.getrlimit(resource.RLIMIT_DATA)
    status = Path("/proc/self/status").read_text()
    taken = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (taken + _BYTES, old_limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, old_limits)
        signal.signal(signal.SIGPROF, old_handler)


@contextmanager
def _quiet_decoders() -> Iterator[None]:
    """Silence the process's stderr, where libjpeg and libpng complain about damaged pictures."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def main(argv: Sequence[str]) -> int:
    """Fuzz and print the counts. Returns 1 if an input failed."""
    parser = Parser("python -m tools.fuzz", "python -m tools.fuzz --count 10000 --seed 1", "fuzz the readers of files")
    parser.add_argument("--count", type=int, default=100_000, help="number of inputs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random changes (default: %(default)s)")
    parser.add_argument("--failures", type=Path, default=Path("fuzz_failures"), help="folder for inputs that fail")
    options = parser.parse_args(argv)
    start = time.process_time()
    tallies = fuzz(options.count, options.seed, options.failures)
    failed = [failure for tally in tallies.values() for failure in tally.failures]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{sum(tally.inputs for tally in tallies.values())} inputs in {time.process_time() - start:.0f} s of one core, "
        f"{len(failed)} failures, at most {peak} MB of memory"
    )
    for failure in failed[:5]:
        print(failure)
    return 1 if failed else 0


if __name__ == "__main__":
    run(main)
