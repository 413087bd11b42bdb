"""The MYRIAD compiler of openvino 2021.4.2, reached through a worker in the tool chain."""

from __future__ import annotations

import json
import subprocess
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.errors import UsageError
from common.places import make_toolchain, toolchain_program
from myriad.blob import BlobHeader, read_header

from .errors import CompilerError

MAKE_TOOLCHAIN = make_toolchain("movidius")
LAUNCHER = toolchain_program("movidius", "python")
WORKER = Path(__file__).with_name("myriad_worker.py")
TIMEOUT = 300.0  # seconds; a compile takes 6, for the runtime looks 5 seconds for a stick that it does not need
_SHAVES, _CMX_SLICES, _STREAMS = 16, 19, 3  # what a Myriad X has, and what the compiler takes
_HARMLESS = ("Deprecated option was used : VPU_MYRIAD_PLATFORM", "[xLinkUsb]")


@dataclass(frozen=True)
class Resources:
    """How much of the chip one network may take, for each of `streams` that run side by side."""

    shaves: int = 8
    cmx_slices: int = 8
    streams: int = 2

    def __post_init__(self) -> None:
        """Raises UsageError for what the compiler would refuse after its 5 seconds."""
        for option, value, most in (
            ("--shaves", self.shaves, _SHAVES),
            ("--cmx_slices", self.cmx_slices, _CMX_SLICES),
            ("--streams", self.streams, _STREAMS),
        ):
            if not 1 <= value <= most:
                raise UsageError(f"{option} {value}: wanted 1 to {most}.")
        if self.shaves > self.cmx_slices:
            raise UsageError(
                f"--shaves {self.shaves} needs as many CMX slices or more, but --cmx_slices is {self.cmx_slices}."
            )
        for option, value, most in (("--shaves", self.shaves, _SHAVES), ("--cmx_slices", self.cmx_slices, _CMX_SLICES)):
            if value * self.streams > most:
                raise UsageError(
                    f"{option} {value} for each of {self.streams} streams makes {value * self.streams}, and a Myriad X "
                    f"has {most}: give {option} {most // self.streams} or less, or --streams {most // value}."
                )


@dataclass(frozen=True)
class Compiled:
    """What came out: the blob's header, the seconds spent, and which OpenVINO compiled."""

    header: BlobHeader
    seconds: float
    openvino: str


def available() -> bool:
    """Whether the tool chain is there."""
    return LAUNCHER.exists()


def compile_blob(xml: Path, bin: Path, blob: Path, scratch: Path, resources: Resources) -> Compiled:
    """Compile the IR for Myriad X into `blob`, inputs bytes and outputs FP16; no stick is needed. Some 6 seconds.

    `scratch` is a folder for the compiler's cache.
    Raises CompilerError if the compiler refuses, crashes or exceeds TIMEOUT.
    """
    paths = {"xml": xml, "bin": bin, "blob": blob, "scratch": scratch}
    request = {**{key: str(path.resolve()) for key, path in paths.items()}, **asdict(resources)}
    start = time.perf_counter()
    answer = _ask(request)
    seconds = time.perf_counter() - start
    header = read_header(blob)
    if (header.shaves, header.cmx_slices) != (resources.shaves, resources.cmx_slices):
        raise CompilerError(
            f"{blob.name}: compiled for {header.shaves} shaves and {header.cmx_slices} CMX slices, "
            f"asked were {resources.shaves} and {resources.cmx_slices}."
        )
    return Compiled(header, seconds, str(answer["openvino"]).split("-")[0])


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    name = Path(request["xml"]).name
    try:
        done = subprocess.run(
            [str(LAUNCHER), str(WORKER)],
            input=json.dumps(request) + "\n",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise CompilerError(
            f"{name}: the MYRIAD compiler gave no answer in {TIMEOUT:.0f} s and was stopped. "
            "Is another compile running? Is /proc mounted?"
        ) from error
    except OSError as error:
        raise CompilerError(f"{LAUNCHER}: does not start ({error.strerror}). Make it anew: {MAKE_TOOLCHAIN}") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise CompilerError(
            f"{name}: the MYRIAD compiler ended with exit code {done.returncode} and no answer."
            f"{_last_words(done.stderr)}\n  If the tool chain is not whole, make it anew: {MAKE_TOOLCHAIN}"
        ) from error
    if "error" in answer:
        raise CompilerError(f"{name}: the MYRIAD compiler says: {answer['error']}{_last_words(done.stderr)}")
    return dict(answer)


def _last_words(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip() and not any(text in line for text in _HARMLESS)]
    return "".join(f"\n  {line}" for line in deque(lines, maxlen=5))
