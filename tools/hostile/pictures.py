"""Pictures that are none, that are cut short, or that claim a billion pixels; lists and archives of them."""

from __future__ import annotations

import io
import os
import shutil
import struct
import tarfile
from pathlib import Path

from .cases import Case, Ends
from .databases import png_bomb
from .paths import Prepare, file_of


def jpeg_bomb(width: int = 65000, height: int = 16000) -> bytes:
    """Return a JPEG whose header claims width x height pixels and which holds none."""
    frame = struct.pack(">BBHBHHBBBB", 0xFF, 0xC0, 11, 8, height, width, 1, 1, 0x11, 0)
    return b"\xff\xd8" + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\0" * 7000 + b"\xff\xd9"


_PICTURES: dict[str, bytes] = {
    "PNG of a billion pixels": png_bomb(),
    "JPEG of a billion pixels": jpeg_bomb(),
    "PNM of a billion pixels": b"P6\n32000 32000\n255\n",
    "BMP of a billion pixels": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 32000, 32000, 1, 24, *[0] * 6),
    "words": b"these are words\n" * 50,
    "PNG without data": b"\x89PNG\r\n\x1a\n",
    "JPEG without data": b"\xff\xd8\xff\xd9",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "HEIC": b"\x00\x00\x00\x18ftypheic" + bytes(200),
}


def _cut(folder: Path) -> None:
    data = (folder / "face.jpg").read_bytes()
    (folder / "it").write_bytes(data[: len(data) // 2])


def _archive(*members: tuple[str, bytes, str]) -> Prepare:
    """Return what writes a tar archive of (name, type, link target or contents)."""

    def prepare(folder: Path) -> None:
        with tarfile.open(folder / "it.tar", "w") as archive:
            for name, kind, text in members:
                member = tarfile.TarInfo(name)
                member.type = kind
                member.linkname = text if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
                data = text.encode() if kind == tarfile.REGTYPE else b""
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))

    return prepare


def _claims(size: int) -> Prepare:
    """Return what writes an archive whose only member claims `size` bytes."""

    def prepare(folder: Path) -> None:
        member = tarfile.TarInfo("faces/1_0_0_2017.jpg")
        member.size = size
        (folder / "it.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    return prepare


def _compressed_zeros(folder: Path) -> None:
    with tarfile.open(folder / "it.tar", "w:gz", compresslevel=9) as archive:
        member = tarfile.TarInfo("faces/1_0_0_2017.jpg")
        member.size = 1 << 28
        with Path("/dev/zero").open("rb") as zeros:
            archive.addfile(member, zeros)


_ARCHIVES: dict[str, Prepare] = {
    "member above": _archive(("../evil", tarfile.REGTYPE, "x")),
    "absolute member": _archive(("/evil", tarfile.REGTYPE, "x")),
    "link out": _archive(("faces/a", tarfile.SYMTYPE, "/etc"), ("faces/a/evil", tarfile.REGTYPE, "x")),
    "hard link out": _archive(("faces/a.jpg", tarfile.LNKTYPE, "/etc/passwd")),
    "device inside": _archive(("faces/a.jpg", tarfile.CHRTYPE, "")),
    "FIFO inside": _archive(("faces/a.jpg", tarfile.FIFOTYPE, "")),
    "claims 8 TB": _claims(1 << 43),
    "nothing": _archive(),
    "cut short": file_of(b""),
}


def _faces(name: str, data: bytes | None) -> Prepare:
    def prepare(folder: Path) -> None:
        shutil.copytree(folder / "faces", folder / "it")
        if data is None:
            os.mkfifo(folder / "it" / name)
        else:
            (folder / "it" / name).write_bytes(data)

    return prepare


def _linked_zeros(folder: Path) -> None:
    shutil.copytree(folder / "faces", folder / "it")
    (folder / "it/34_1_2_20170000000000001.jpg").symlink_to("/dev/zero")


def cases() -> list[Case]:
    """Return the cases."""
    infer = ("infer", "--device", "CPU", "--image_path", "it")
    found = [Case(f"infer/{name}", infer, prepare=file_of(data)) for name, data in _PICTURES.items()]
    found.append(Case("infer/half a JPEG", infer, prepare=_cut))
    for name, prepare in _ARCHIVES.items():
        found.append(
            Case(f"unpack/{name}", ("unpack", "it.tar"), Ends.EITHER if "link" in name else Ends.REFUSED, prepare)
        )
        found.append(
            Case(
                f"build_dataset/archive, {name}",
                ("build_dataset", "--images", "it.tar"),
                Ends.EITHER,
                prepare,
                # It unpacks an archive once, and may then find no face in it.
                may_change=("work/data/*",),
            )
        )
    found.append(Case("unpack/256 MB of zeros in 260 kB", ("unpack", "it.tar"), Ends.EITHER, _compressed_zeros))
    build = ("build_dataset", "--images", "it")
    name = "34_1_2_20170000000000001.jpg"
    found.append(Case("build_dataset/a FIFO among the faces", build, Ends.EITHER, _faces(name, None)))
    found.append(Case("build_dataset/a link to /dev/zero among the faces", build, Ends.EITHER, _linked_zeros))
    for kind, data in _PICTURES.items():
        found.append(Case(f"build_dataset/{kind}", build, Ends.EITHER, _faces(name, data)))

        def listed(folder: Path, data: bytes = data) -> None:
            (folder / "it").write_bytes(data)
            (folder / "hostile.txt").write_text("it 1\nface.jpg 2\n")

        convert = ("convert_imageset", "./", "hostile.txt", "new_lmdb", "--resize_height", "16", "--resize_width", "16")
        found.append(Case(f"convert_imageset/{kind}", convert, Ends.EITHER, listed))
    for kind, text in _LISTS.items():
        found.append(
            Case(
                f"convert_imageset/list, {kind}",
                ("convert_imageset", "./", "it", "new_lmdb"),
                prepare=file_of(text.encode()),
            )
        )
    return found


_LISTS: dict[str, str] = {
    "no labels": "face.jpg\n",
    "several labels": "face.jpg 0 1 0\n",
    "label of words": "face.jpg young\n",
    "float label": "face.jpg 0.85\n",
    "label beyond int32": "face.jpg 99999999999\n",
    "no picture exists": "nowhere.jpg 1\nnowhere2.jpg 2\n",
    "NUL in a name": "a\0b 1\n",
    "long name": "x" * 5000 + " 1\n",
    "empty lines": "\n\n\n",
}
