"""Runs `./moka compile` for a request, in a process and a folder of its own, because its files may be anything."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from common.places import ROOT

from .request import Job

END_SECONDS = 5.0
LONGEST_LOG = 1 << 16


@dataclass(frozen=True)
class Outcome:
    """What became of a job: the bytes to send (a blob, or a zip), or the exit code and the words of the command."""

    content: bytes
    exit_code: int
    stdout: str
    stderr: str


async def compile_job(job: Job, folder: Path, seconds: float) -> Outcome:
    """Compile the files in `folder`. A command that takes longer than `seconds` is stopped."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "moka"), *job.words, f"--time_limit={seconds:g}"),
        cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(), seconds)
    except (TimeoutError, asyncio.TimeoutError):
        return Outcome(b"", -1, "", f"was still compiling after {seconds:g} s and was stopped.")
    finally:
        await _end(process)
    words = [data[-LONGEST_LOG:].decode("utf-8", "replace") for data in (stdout, stderr)]
    code = process.returncode or 0
    blobs = sorted(Path(folder, "out").glob("*.blob"))
    if code == 0 and not blobs:
        return Outcome(b"", 1, words[0], "made an IR but no blob, because the MYRIAD compiler is missing: see stdout.")
    content = b""
    if code == 0:
        content = _zipped(Path(folder, "out")) if job.with_ir else blobs[0].read_bytes()
    return Outcome(content, code, *words)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Stop the command and all that it started, if it is still there."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), END_SECONDS)


def _zipped(folder: Path) -> bytes:
    """Return a zip of IR and blob, as blobconverter's server sent it for download_ir."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            if file.suffix in (".xml", ".bin", ".blob"):
                archive.write(file, file.name)
    return content.getvalue()
