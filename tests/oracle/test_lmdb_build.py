"""Our databases and mean images against those of Caffe 1.0's own convert_imageset and compute_image_mean, byte by byte."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest
from PIL import Image

from caffe_io.caffe_pb2 import Datum
from caffe_io.databases.lmdb_store import write_lmdb
from common.places import ROOT
from kits.lmdb_build import picture, truncate, verb, write_faces, write_picture
from kits.oracle import caffe
from lmdb_build import compute_image_mean
from lmdb_build.archive import unpack

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300)]
REAL = ROOT.parent / "shared/data/UTKFace_AsianOnly.tar.gz"
SIZE = ["--resize_height=227", "--resize_width=227"]


def run_caffe(program: str, *arguments: str) -> str:
    """Run Caffe's program; its log."""
    run = subprocess.run([caffe(program), *arguments], capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stderr
    return run.stderr


def content(database: str) -> dict[bytes, bytes]:
    with lmdb.open(database, readonly=True, lock=False) as environment, environment.begin() as transaction:
        return {bytes(key): bytes(value) for key, value in transaction.cursor()}


def convert_both(names: Sequence[str], *flags: str, root: str = "./") -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """What Caffe's tool and ours make of the same list."""
    Path("list.txt").write_text("".join(f"{name} {number % 9}\n" for number, name in enumerate(names)))
    run_caffe("convert_imageset", *flags, root, "list.txt", "caffe_lmdb")
    verb("convert_imageset")([*flags, root, "list.txt", "our_lmdb"])
    return content("caffe_lmdb"), content("our_lmdb")


def write_jpegs(folder: Path) -> list[str]:
    """One JPEG of each build, all 40 x 32."""
    folder.mkdir()
    options = {
        "baseline": [],
        "quality50": [cv2.IMWRITE_JPEG_QUALITY, 50],
        "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
        "restart": [cv2.IMWRITE_JPEG_RST_INTERVAL, 3],
        "s444": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
        "s422": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422],
    }
    for number, (name, option) in enumerate(options.items()):
        cv2.imwrite(str(folder / f"{name}.jpg"), picture(number, 40, 32), option)
    cv2.imwrite(str(folder / "grey.jpg"), picture(7, 40, 32, channels=1))
    Image.fromarray(picture(8, 40, 32)[..., ::-1]).convert("CMYK").save(folder / "cmyk.jpeg")
    jpeg = cv2.imencode(".jpg", picture(9, 32, 40))[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + b"\0\0\0\0"
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    (folder / "turned by exif.jpg").write_bytes(turned)
    return [f"{folder.name}/{path.name}" for path in sorted(folder.iterdir())]


def write_others(folder: Path) -> list[str]:
    """PNG of every kind, and other formats, all 40 x 32."""
    folder.mkdir()
    size = {"height": 40, "width": 32}
    arrays = {
        "colour.png": picture(0, **size),
        "grey.png": picture(1, **size, channels=1),
        "clear.png": picture(2, **size, channels=4),
        "deep.png": picture(3, **size).astype(np.uint16) * 251 + 77,
        "deep grey.png": picture(4, **size, channels=1).astype(np.uint16) * 251 + 77,
        "a.bmp": picture(5, **size),
        "a.ppm": picture(6, **size),
        "a.tiff": picture(7, **size),
        "a.webp": picture(8, **size),
    }
    for name, array in arrays.items():
        cv2.imwrite(str(folder / name), array)
    rgb = Image.fromarray(picture(9, **size)[..., ::-1])
    rgb.convert("P").save(folder / "palette.png")
    rgb.convert("P").save(folder / "clear palette.png", transparency=3)
    rgb.convert("1").save(folder / "bits.png")
    rgb.convert("LA").save(folder / "clear grey.png")
    return [f"{folder.name}/{path.name}" for path in sorted(folder.iterdir())]


def same_pixels(one: bytes, other: bytes) -> bool:
    pictures = [
        cv2.imdecode(np.frombuffer(Datum.FromString(value).data, np.uint8), cv2.IMREAD_UNCHANGED)
        for value in (one, other)
    ]
    return np.array_equal(*pictures)


FLAGS = [
    [],
    ["--gray"],
    ["--check_size"],
    ["--resize_height=227", "--resize_width=227"],
    ["--resize_height=9", "--resize_width=31", "--gray"],
    ["--encoded"],
    ["--encode_type=png"],
    ["--encode_type=jpg"],
    ["--encoded", "--encode_type=png", "--gray"],
    ["--encoded", "--resize_height=50", "--resize_width=20"],
]


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
@pytest.mark.parametrize("write", [write_jpegs, write_others])
def test_every_record_is_the_same_byte_for_byte(working_folder: Path, write: object, flags: list[str]) -> None:
    names = write(working_folder / "my pictures")  # type: ignore[operator]
    theirs, ours = convert_both(names, *flags)
    assert list(ours) == list(theirs)
    differing = [key for key in ours if ours[key] != theirs[key]]
    if "--encoded" in flags and "--resize_height=50" in flags:  # libwebp packs the same pixels differently since 2017
        differing = [key for key in differing if not (key.endswith(b".webp") and same_pixels(ours[key], theirs[key]))]
    assert differing == []
    assert len(ours) == len(names)


def test_any_size_is_resized_to_the_same_pixels(working_folder: Path) -> None:
    sizes = [(1, 1), (2, 3), (200, 200), (227, 227), (454, 454), (333, 91), (1000, 750), (64, 2000), (900, 1)]
    for number, (height, width) in enumerate(sizes):
        write_picture(working_folder / f"{number}.png", number, height, width)
    theirs, ours = convert_both([f"{number}.png" for number in range(len(sizes))], *SIZE)
    assert ours == theirs
    assert len(ours) == len(sizes)


def test_a_skipped_picture_leaves_its_number_unused(working_folder: Path) -> None:
    write_picture(working_folder / "a.png")
    write_picture(working_folder / "b.png", 1)
    (working_folder / "text.jpg").write_text("no picture")
    (working_folder / "empty.jpg").touch()
    theirs, ours = convert_both(["gone.jpg", "a.png", "text.jpg", "empty.jpg", "b.png"])
    assert ours == theirs
    assert list(ours) == [b"00000001_a.png", b"00000004_b.png"]


def test_the_one_difference_a_truncated_jpeg(working_folder: Path) -> None:
    """Caffe stores it with its missing part grey; we skip it and say so."""
    write_picture(working_folder / "whole.jpg", height=64, width=64)
    truncate(write_picture(working_folder / "cut.jpg", height=64, width=64))
    theirs, ours = convert_both(["cut.jpg", "whole.jpg"])
    assert list(theirs) == [b"00000000_cut.jpg", b"00000001_whole.jpg"]
    assert ours == {b"00000001_whole.jpg": theirs[b"00000001_whole.jpg"]}


def test_shuffled_they_hold_the_same_records(working_folder: Path) -> None:
    names = [path.name for path in write_faces(working_folder, [(age, 0) for age in range(50)])]
    theirs, ours = convert_both(names, "--shuffle")
    assert {key[9:]: value for key, value in theirs.items()} == {key[9:]: value for key, value in ours.items()}
    assert [key[:9] for key in theirs] == [key[:9] for key in ours]


def means_of_both(database: str) -> tuple[bytes, bytes, list[str], list[str]]:
    """The two mean files, and what both print of the channels."""
    log = run_caffe("compute_image_mean", database, "caffe.binaryproto")
    mean = compute_image_mean.image_mean(database)
    verb("compute_image_mean")([database, "our.binaryproto"])
    theirs = [line.split("] ", 1)[1] for line in log.splitlines() if "mean_value channel" in line]
    ours = [
        f"mean_value channel [{channel}]: {value:g}"
        for channel, value in enumerate(compute_image_mean.channel_means(mean))
    ]
    return Path("caffe.binaryproto").read_bytes(), Path("our.binaryproto").read_bytes(), theirs, ours


@pytest.mark.parametrize("flags", [[], ["--gray"], ["--encoded"]], ids=" ".join)
def test_the_mean_file_is_the_same_byte_for_byte(working_folder: Path, flags: list[str]) -> None:
    names = [path.name for path in write_faces(working_folder, [(age, 1) for age in range(99)])]
    convert_both(names, *flags, *SIZE)
    theirs, ours, their_lines, our_lines = means_of_both("caffe_lmdb")
    assert ours == theirs
    assert our_lines == their_lines != []


def test_sums_beyond_float32_s_whole_numbers_are_rounded_alike(working_folder: Path) -> None:
    """From 65,794 pictures on, a sum of bytes may pass 2^24, above which float32 skips whole numbers."""
    bright = [np.clip(picture(seed, 4, 4).astype(int) + 200, 0, 255).astype(np.uint8) for seed in range(7)]
    values = [
        Datum(channels=3, height=4, width=4, data=one.tobytes(), label=0, encoded=False).SerializeToString()
        for one in bright
    ]
    with write_lmdb("big_lmdb") as database:
        for index in range(100_000):
            database.put(b"%08d_x" % index, values[index % 7])
    theirs, ours, their_lines, our_lines = means_of_both("big_lmdb")
    assert ours == theirs
    assert our_lines == their_lines


def test_real_faces(working_folder: Path) -> None:
    if not REAL.exists():
        pytest.skip(f"{REAL.name} is not beside the checkout; its pictures may not be part of it")
    folder = unpack(REAL, working_folder)
    names = sorted(path.name for path in folder.iterdir())[::10]
    theirs, ours = convert_both(names, *SIZE, root=f"{folder}/")
    assert len(ours) == 344
    assert [key for key in ours if ours[key] != theirs[key]] == []
    theirs_mean, our_mean, their_lines, our_lines = means_of_both("our_lmdb")
    assert our_mean == theirs_mean
    assert our_lines == their_lines
