"""The MYRIAD compiler of openvino 2021.4.2, in a helper process of the tool chain's Python."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.errors import UsageError
from common.helper import Helper, HelperError, HelperRefused, HelperTimeout, NumpyArray
from common.helper_worker import RawArray
from common.places import make_toolchain, toolchain_has, toolchain_program
from myriad.header import BlobHeader, read_header

from .errors import CompilerError

MAKE_TOOLCHAIN = make_toolchain("movidius")
WORKER = Path(__file__).with_name("myriad_worker.py")
# A compile takes a second. Large nets take a minute.
TIMEOUT = 600.0
LONGEST = 1e6
# Seconds between two lines that say that it is still at work.
PROGRESS = 10.0
# What a Myriad X has, and the most streams that the compiler accepts.
MAX_SHAVES = 16
MAX_CMX_SLICES = 19
MAX_STREAMS = 3
HARMLESS = ("Deprecated option was used : VPU_MYRIAD_PLATFORM", "[xLinkUsb]")


@dataclass(frozen=True)
class Resources:
    """How much of the chip one network may use, for each of `streams` that run in parallel."""

    shaves: int = 8
    cmx_slices: int = 8
    streams: int = 2

    def __post_init__(self) -> None:
        """Raise UsageError for numbers that the compiler would refuse, with the numbers that it would take."""
        for option, value, most in (
            ("--shaves", self.shaves, MAX_SHAVES),
            ("--cmx_slices", self.cmx_slices, MAX_CMX_SLICES),
            ("--streams", self.streams, MAX_STREAMS),
        ):
            if not 1 <= value <= most:
                raise UsageError(f"{option} {value}: expected 1 to {most}.")
        if self.shaves > self.cmx_slices:
            raise UsageError(
                f"--shaves {self.shaves}: needs at least as many CMX slices, but --cmx_slices is {self.cmx_slices}."
            )
        for option, value, most in (
            ("--shaves", self.shaves, MAX_SHAVES),
            ("--cmx_slices", self.cmx_slices, MAX_CMX_SLICES),
        ):
            if value * self.streams > most:
                raise UsageError(
                    f"{option} {value}: {self.streams} streams need {value * self.streams} in all, but a Myriad X has {most}. "
                    f"Give {option} {most // self.streams} or less, or --streams {most // value}."
                )


@dataclass(frozen=True)
class Compiled:
    """The header of a new blob, the seconds that compiling took, and the version of the OpenVINO that did it."""

    header: BlobHeader
    seconds: float
    openvino: str


def check_limit(limit: float) -> None:
    """Raise UsageError unless `limit` is a number of seconds that the compiler may take."""
    if not 0 < limit <= LONGEST:
        raise UsageError(f"--time_limit {limit:g}: expected seconds above 0 and at most {LONGEST:g}.")


def available() -> bool:
    """Return whether the tool chain is installed."""
    return toolchain_has("movidius")


def compile_blob(
    xml: Path,
    bin: Path,
    blob: Path,
    scratch: Path,
    resources: Resources,
    limit: float = TIMEOUT,
    dump: Path | None = None,
) -> Compiled:
    """Compile the IR for Myriad X into `blob`: inputs are bytes, outputs FP16. Needs no stick, and leaves one alone.

    `scratch` is a folder for the compiler's cache. It writes the names of its stages into `dump`. Raises CompilerError if
    the compiler refuses the network, crashes, or takes longer than `limit` seconds.
    """
    paths = {"xml": xml, "bin": bin, "blob": blob, "scratch": scratch, **({"dump": dump} if dump else {})}
    request = {**{key: str(path.resolve()) for key, path in paths.items()}, **asdict(resources)}
    start = time.perf_counter()
    openvino = _run_compiler(request, limit)
    seconds = time.perf_counter() - start
    header = read_header(blob)
    if (header.shaves, header.cmx_slices) != (resources.shaves, resources.cmx_slices):
        raise CompilerError(
            f"{blob.name}: compiled for {header.shaves} shaves and {header.cmx_slices} CMX slices, "
            f"expected {resources.shaves} and {resources.cmx_slices}."
        )
    return Compiled(header, seconds, openvino.split("-")[0])


def compute_ir(xml: Path, feed: Mapping[str, NumpyArray], limit: float = TIMEOUT) -> dict[str, RawArray]:
    """Return the outputs of an IR by the CPU plugin of the compiler's own OpenVINO. Raises HelperError."""
    request = {"xml": str(xml.resolve()), "bin": str(xml.with_suffix(".bin").resolve())}
    with Helper("OpenVINO 2021.4.2", toolchain_program("movidius", "python"), WORKER, HARMLESS) as helper:
        return helper.call("infer", request, feed, seconds=limit).arrays


def _run_compiler(request: dict[str, Any], limit: float) -> str:
    """Have the tool chain compile and return the version of its OpenVINO."""
    name = Path(request["xml"]).name
    python = toolchain_program("movidius", "python")
    again = f"\n  If the tool chain is damaged, install it again: {MAKE_TOOLCHAIN}"
    try:
        with Helper("the MYRIAD compiler", python, WORKER, HARMLESS) as helper, _progress(name):
            answer = helper.call("compile", request, seconds=limit)
    except HelperRefused as error:
        raise CompilerError(f"{name}: {error}") from error
    except HelperTimeout as error:
        raise CompilerError(
            f"{name}: the MYRIAD compiler was still at work after {limit:g} s and was stopped.{error.last_words}\n"
            "  There are layers that it never finishes. Give it more time with --time_limit SECONDS, or find the layer: "
            "end the net earlier with --output until it compiles."
        ) from error
    except HelperError as error:
        raise CompilerError(f"{name}: {error}{again}") from error
    return str(answer.values["openvino"])


@contextmanager
def _progress(name: str) -> Iterator[None]:
    """Say every PROGRESS seconds on stderr that the compiler is at work."""
    done = threading.Event()

    def say() -> None:
        start = time.perf_counter()
        while not done.wait(PROGRESS):
            print(f"  {name}: the MYRIAD compiler is at work, {time.perf_counter() - start:.0f} s", file=sys.stderr)

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
