"""Fuzzing of caffe_io: `python -m tools.fuzz [--count 100000] [--seed 0]`.

Every input is a spoiled file of a kind that caffe_io reads. It may be read, or refused with one of our errors; anything
else (another exception, ten seconds of computing, a gigabyte) is a failure: the input is kept in --failures and the exit
code is 1. The same seed gives the same inputs.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from caffe_io.blobs import blob_to_array
from caffe_io.caffe_pb2 import TEST, TRAIN, BlobProto, NetParameter, SolverState
from caffe_io.datum import datum_to_array, parse_datum
from caffe_io.graph import NetGraph
from caffe_io.hdf5 import read_hdf5_state, read_hdf5_weights
from caffe_io.lmdb_store import LmdbReader, write_lmdb
from caffe_io.mean import read_mean
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_binary_net, read_net, read_solver, to_text
from caffe_io.weights import read_solverstate, read_weights
from common.commands import LOGGER, run
from common.errors import MokaError

from . import fuzz_inputs as inputs

_MEMORY = Path("/dev/shm")  # a disk would be waited for, at the end of every database
_SECONDS = 10  # of computing that an input may take; other work on the machine does not count
_BYTES = 1 << 30  # the process may take beyond what it has


class _Hang(BaseException):  # not an Exception: nothing that is fuzzed may catch it
    pass


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    read: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
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
    """A record goes into an LMDB and comes out of it."""
    folder = path.with_name("record_lmdb")
    data = path.read_bytes()
    with write_lmdb(folder, force=True) as database:
        database.put(data[:30], data)
    with LmdbReader(folder) as reader:
        for _, value in reader.items():
            datum_to_array(parse_datum(value))


def _read_cut_database(path: Path) -> None:
    """A data.mdb that is cut short."""
    folder = path.with_name("cut_lmdb")
    folder.mkdir(exist_ok=True)
    path.replace(folder / "data.mdb")
    with LmdbReader(folder) as reader:
        for _ in reader.items():
            pass


def _database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        with write_lmdb(Path(folder) / "db") as database:
            for index in range(60):
                database.put(b"%08d" % index, bytes([index]) * (50 if index % 3 else 6000))
        return (Path(folder) / "db" / "data.mdb").read_bytes()


_Spoil = Callable[[random.Random], bytes]


def _spoiler(valid: list[bytes], kind: type[NetParameter | SolverState | BlobProto] | None = None) -> _Spoil:
    def spoil(chance: random.Random) -> bytes:
        if kind is not None and chance.random() < 0.2:
            return inputs.claimed(kind.FromString(chance.choice(valid)), chance)
        return inputs.spoiled(valid, chance)

    return spoil


def _text_spoiler(valid: list[bytes]) -> _Spoil:
    return lambda chance: inputs.spoiled_text(valid, chance)


def _cutter(valid: bytes) -> _Spoil:
    return lambda chance: valid[: chance.randrange(len(valid) + 1)]


def kinds() -> dict[str, tuple[_Spoil, Callable[[Path], object]]]:
    """Kind of input -> how one is made, and what reads it."""
    return {
        "net, text": (_text_spoiler(inputs.texts()), _read_net_text),
        "solver, text": (_text_spoiler(inputs.solver_texts()), _read_solver),
        "net, binary": (_spoiler(inputs.caffemodels(), NetParameter), _read_net_binary),
        "caffemodel": (_spoiler(inputs.caffemodels(), NetParameter), read_weights),
        "solverstate": (_spoiler(inputs.solverstates(), SolverState), _read_solverstate),
        "HDF5 weights": (_spoiler(inputs.hdf5_weights()), read_hdf5_weights),
        "HDF5 state": (_spoiler(inputs.hdf5_states()), read_hdf5_state),
        "binaryproto": (_spoiler(inputs.means(), BlobProto), read_mean),
        "Datum": (_spoiler(inputs.records()), _read_record),
        "LMDB record": (_spoiler(inputs.records()), _read_database),
        # Cut short only: LMDB trusts what stands in its pages, and a process that reads spoiled ones may crash in it.
        "LMDB, cut": (_cutter(_database()), _read_cut_database),
    }


def _say(line: str) -> None:
    print(line, flush=True)


def fuzz(count: int, seed: int, failures: Path | None = None, report: Callable[[str], None] = _say) -> dict[str, Tally]:
    """Feed `count` inputs, shared among the kinds, and count what became of them. Failing inputs go to `failures`."""
    logger = logging.getLogger(LOGGER)
    logger.disabled = True  # thousands of warnings about fork fields
    tallies = {}
    try:
        with (
            tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder,
            _limits(),
            _quiet_decoders(),
        ):
            table = kinds()
            for number, (kind, (spoil, read)) in enumerate(table.items()):
                share = count // len(table) + (number < count % len(table))
                tallies[kind] = tally = Tally()
                for index in range(share):
                    data = spoil(random.Random(f"{seed} {kind} {index}"))
                    before = len(tally.failures)
                    _feed(data, read, Path(folder) / "input", tally)
                    if failures and len(tally.failures) > before:
                        failures.mkdir(parents=True, exist_ok=True)
                        (failures / f"{kind.replace(', ', '_').replace(' ', '_')}_{seed}_{index}").write_bytes(data)
                report(f"{kind:13} {tally.inputs:7} inputs: {tally.read:6} read, {tally.refused:6} refused, "
                       f"{len(tally.failures):3} failures; slowest {1000 * tally.slowest:.0f} ms")  # fmt: skip
    finally:
        logger.disabled = False
    return tallies


def _feed(data: bytes, read: Callable[[Path], object], path: Path, tally: Tally) -> None:
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
    """Ten seconds of computing an input, and a gigabyte for all."""

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
    """libjpeg and libpng speak of damaged pictures on the process's stderr."""
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
    """Fuzz, and print the counts; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="inputs in all (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random changes (%(default)s)")
    parser.add_argument("--failures", type=Path, default=Path("fuzz_failures"), help="folder for inputs that fail")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
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
