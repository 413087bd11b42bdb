"""Unpacks an archive of pictures, once.

Everything is checked before anything is written: the names, the kinds, and by the sizes in the headers what the archive
unpacks to.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from common.files import atomic_folder
from common.inputs import open_input
from common.pictures.archives import (
    BLOCK,
    DAMAGED,
    MOST_FILES,
    MOST_TIMES,
    decompressed,
    leads_outside,
    most_unpacked,
    open_member,
    open_tar,
)

from .errors import ArchiveError
from .folders import files_below

OUR_FOLDERS = {"def", "lmdb", "mean", "augmented"}
"""What other commands write in data/, in lower case. No archive is unpacked there."""
_MB = 1 << 20


def add_limit_option(parser: argparse.ArgumentParser) -> None:
    """Declare the option of a verb that unpacks archives."""
    parser.add_argument(
        "--max_unpacked_mb",
        type=int,
        metavar="MB",
        help=f"most that an archive may unpack to (default: {MOST_TIMES} times its size, at least 1024)",
    )


def unpack(archive: Path, into: Path, most_mb: int | None = None) -> Path:
    """Unpack the regular files of a tar archive (plain, .gz, .bz2, .xz) into a folder in `into`, and return the folder.

    The folder has the name of the archive's one top folder, or of the archive if it has several or if other commands write
    to a folder of that name. Links and devices are left out. Nothing is written, and ArchiveError is raised, if a name leads
    outside the folder, if a file is sparse, or if the files are larger than `most_mb` or the free space. A folder of an
    earlier run is used again if it holds the same files.
    """
    try:
        with open_input(archive) as file, open_tar(stream := decompressed(file)) as tar:
            packed = os.fstat(file.fileno()).st_size
            limit = most_unpacked(packed) if most_mb is None else most_mb * _MB
            members = _list_members(tar, stream.compressed, archive, limit)
            tops = {name.parts[0] for name in members}
            one_top = len(tops) == 1 and all(len(name.parts) > 1 for name in members)
            folder = into / _folder_name(tops.pop() if one_top else "", archive)
            sizes = {_below(name, one_top): member.size for name, member in members.items()}
            if folder.exists():
                _check_same(folder, sizes, archive)
                return folder
            _check_space(into, sum(sizes.values()), archive)
            with atomic_folder(folder) as temporary:
                for name, member in members.items():
                    target = temporary / _below(name, one_top)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with open_member(tar, member) as source, target.open("wb") as out:
                        shutil.copyfileobj(source, out)
    except DAMAGED as error:
        raise ArchiveError(f"{archive}: not a tar archive, or damaged ({error}). Download it again.") from error
    except OSError as error:
        # Among others for a wrong checksum of gzip.
        raise ArchiveError(
            f"{archive}: cannot be read ({error.strerror or error}). Give a folder of pictures, or a .tar(.gz) of them."
        ) from error
    return folder


def _list_members(
    tar: tarfile.TarFile, compressed: bool, archive: Path, limit: int
) -> dict[PurePosixPath, tarfile.TarInfo]:
    """Return the regular files by their names. Raises ArchiveError as soon as the headers say what must not be unpacked."""
    members: dict[PurePosixPath, tarfile.TarInfo] = {}
    total = 0
    for number, member in enumerate(tar):
        if member.issparse():
            raise ArchiveError(
                f"{archive}: {member.name!r} is a sparse file, which no picture is. Nothing was unpacked. Pack the pictures "
                "without --sparse."
            )
        total += member.size + BLOCK
        _check_total(total, archive, limit)
        if number >= MOST_FILES:
            raise ArchiveError(f"{archive}: holds more than {MOST_FILES} files. Nothing was unpacked. Divide it.")
        if member.isfile():
            members[_safe_path(member.name, archive)] = member
    # Reading gzip to its end checks the checksum there. A plain tar has none, and what follows its end may be a terabyte.
    while compressed and tar.fileobj is not None and (rest := tar.fileobj.read(_MB)):
        total += len(rest)
        _check_total(total, archive, limit)
    if not members:
        raise ArchiveError(f"{archive}: holds no files. Expected an archive of pictures.")
    return members


def _check_total(total: int, archive: Path, limit: int) -> None:
    if total > limit:
        raise ArchiveError(
            f"{archive}: unpacks to more than {limit // _MB} MB. Nothing was unpacked. If it is right, give a larger "
            "--max_unpacked_mb."
        )


def _check_space(into: Path, needed: int, archive: Path) -> None:
    there = next(folder for folder in (into, *into.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ArchiveError(
            f"{archive}: needs {needed // _MB + 1} MB in {into}, where {free // _MB} MB are free. Nothing was unpacked. "
            "Free some space, or work on another disk."
        )


def _safe_path(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if "\0" in name:
        raise ArchiveError(f"{archive}: holds a name with a NUL byte. Nothing was unpacked.")
    if leads_outside(name):
        raise ArchiveError(f"{archive}: holds {name!r}, which leads outside its folder. Nothing was unpacked.")
    return path


def _below(name: PurePosixPath, one_top: bool) -> str:
    return str(name.relative_to(name.parts[0]) if one_top else name)


def _folder_name(top: str, archive: Path) -> str:
    """Return the archive's top folder. If it has none, or one that other commands write to, return the archive's own name."""
    name = archive.name
    for suffix in (".gz", ".bz2", ".xz", ".tgz", ".tar"):
        name = name.removesuffix(suffix)
    usable = (each for each in (top, name) if each.strip(".") and each.lower() not in OUR_FOLDERS)
    return next(usable, "pictures")


def _check_same(folder: Path, sizes: dict[str, int], archive: Path) -> None:
    found = {name: (folder / name).stat().st_size for name in files_below(folder)} if folder.is_dir() else {}
    if found != sizes:
        raise ArchiveError(
            f"{folder}: is already there and holds other files than {archive} ({len(found)} there, {len(sizes)} in the "
            f"archive). Move it away, or give --images {folder} to use it as it is."
        )
