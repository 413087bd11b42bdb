"""Unpacks an archive of pictures, once."""

from __future__ import annotations

import lzma
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from common.files import atomic_folder

from .errors import ArchiveError
from .folders import files_below

_DAMAGED = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)


def unpack(archive: Path, into: Path) -> Path:
    """Unpack the regular files of a tar archive (plain, .gz, .bz2, .xz) into a folder in `into`, and return the folder.

    The folder has the name of the archive's one top folder, or of the archive if it has several. Links and devices are
    left out. If a name leads outside the folder, nothing is written and ArchiveError is raised. A folder of an earlier
    run is used again if it holds the same files.
    """
    try:
        with tarfile.open(archive) as tar:
            members = {_safe_path(member.name, archive): member for member in tar if member.isfile()}
            while tar.fileobj is not None and tar.fileobj.read(1 << 20):
                # Reading gzip to its end checks the checksum there.
                pass
            if not members:
                raise ArchiveError(f"{archive}: holds no files. Expected an archive of pictures.")
            tops = {name.parts[0] for name in members}
            one_top = len(tops) == 1 and all(len(name.parts) > 1 for name in members)
            folder = into / (tops.pop() if one_top else _without_endings(archive.name))
            sizes = {_below(name, one_top): member.size for name, member in members.items()}
            if folder.exists():
                _check_same(folder, sizes, archive)
                return folder
            with atomic_folder(folder) as temporary:
                for name, member in members.items():
                    target = temporary / _below(name, one_top)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with _open(tar, member) as source, target.open("wb") as out:
                        shutil.copyfileobj(source, out)
    except _DAMAGED as error:
        raise ArchiveError(f"{archive}: not a tar archive, or damaged ({error}). Download it again.") from error
    except OSError as error:
        # Among others for a wrong checksum of gzip.
        raise ArchiveError(
            f"{archive}: cannot be read ({error.strerror or error}). Give a folder of pictures, or a .tar(.gz) of them."
        ) from error
    return folder


def _open(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(member)
    assert source is not None, "regular files have contents"
    return source


def _safe_path(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ArchiveError(f"{archive}: holds {name!r}, which leads outside its folder. Nothing was unpacked.")
    return path


def _below(name: PurePosixPath, one_top: bool) -> str:
    return str(name.relative_to(name.parts[0]) if one_top else name)


def _without_endings(name: str) -> str:
    for suffix in (".gz", ".bz2", ".xz", ".tgz", ".tar"):
        name = name.removesuffix(suffix)
    return name or "pictures"


def _check_same(folder: Path, sizes: dict[str, int], archive: Path) -> None:
    found = {name: (folder / name).stat().st_size for name in files_below(folder)} if folder.is_dir() else {}
    if found != sizes:
        raise ArchiveError(
            f"{folder}: is already there and holds other files than {archive} ({len(found)} there, {len(sizes)} in the "
            f"archive). Move it away, or give --images {folder} to use it as it is."
        )
