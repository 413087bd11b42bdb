"""What `compile --superblob` adds: the blobs for 1 to 16 SHAVEs in one file."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UsageError
from myriad.patch import make_patch
from myriad.superblob import SHAVES, pack

from .. import compiler
from ..checking import Picture, check_blob


@dataclass(frozen=True)
class Packed:
    """A superblob: its size in bytes, the largest size of the blobs in it, and the seconds that it took."""

    bytes: int
    largest: int
    seconds: float


def refuse_slices(shaves: int, slices: int | None) -> None:
    """Raise UsageError if --cmx_slices was given, and is not what the superblob's own blob has."""
    if slices not in (None, shaves):
        raise UsageError(
            f"--superblob with --cmx_slices {slices}: in a superblob, each blob has as many CMX slices as SHAVEs. "
            "Leave --cmx_slices out."
        )


def write_superblob(
    xml: Path,
    bin: Path,
    blob: Path,
    place: Path,
    base: int,
    limit: float,
    pictures: Sequence[Picture] | None = (),
) -> Packed:
    """Compile the IR for 1 to 16 SHAVEs and write the superblob to `place`. `blob` is the one for `base` SHAVEs.

    Each takes seconds, so it says on stderr how far it is. They are compared with the IR on drawn inputs and `pictures`, unless
    these are None; that for `base` was compared before. Raises CompilerError if one computes something else.
    """
    start = time.perf_counter()
    whole = blob.read_bytes()
    largest = len(whole)
    patches: dict[int, bytes] = {}
    for shaves in range(1, SHAVES + 1):
        if shaves == base:
            continue
        print(f"  {xml.stem}: the blob for {shaves} of {SHAVES} shaves", file=sys.stderr)
        scratch = place.with_name(f"{place.name}.{shaves}")
        scratch.mkdir()
        file, dump = scratch / blob.name, scratch / "stages.dot" if pictures is not None else None
        # Streams do not change the blob, and more than one would not leave 16 SHAVEs.
        compiler.compile_blob(xml, bin, file, scratch, compiler.Resources(shaves, shaves, 1), limit, dump)
        if dump and pictures is not None:
            check_blob(xml, file, dump, pictures)
        content = file.read_bytes()
        largest = max(largest, len(content))
        patches[shaves] = make_patch(whole, content)
        # Sixteen large blobs would fill a disk.
        shutil.rmtree(scratch)
    place.write_bytes(pack(whole, patches))
    return Packed(place.stat().st_size, largest, time.perf_counter() - start)
