"""The set of pictures of tests/system/test_pictures.py through Caffe's own convert_imageset: the same are turned and skipped."""

from __future__ import annotations

import subprocess
from pathlib import Path

import lmdb
import pytest

from caffe_io.databases.lmdb_pages import check_pages
from kits.lmdb_build import verb
from kits.oracle import caffe
from kits.pictures import write_pictures

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(120)]


def content(database: str) -> dict[str, bytes]:
    with lmdb.open(database, readonly=True, lock=False) as environment, environment.begin() as transaction:
        return {bytes(key).decode(): bytes(value) for key, value in transaction.cursor()}


@pytest.mark.parametrize("resize", [[], ["--resize_height=20", "--resize_width=20"]], ids=["", "resized"])
@pytest.mark.parametrize("flags", [[], ["--gray"], ["--encoded"], ["--encode_type=png"]], ids=" ".join)
def test_the_records_are_the_same_byte_for_byte(working_folder: Path, flags: list[str], resize: list[str]) -> None:
    shown = write_pictures(working_folder / "set")
    # Without a size, all pictures of a database must have the same.
    turned = {name for name, seen in shown.items() if seen.colour is not None and seen.colour.shape[0] == 32}
    lists = [sorted(shown)] if resize else [sorted(set(shown) - turned), sorted(turned)]
    for number, names in enumerate(lists):
        Path("list.txt").write_text("".join(f"{name} {label}\n" for label, name in enumerate(names)))
        words = [*flags, *resize, "set/", "list.txt"]
        run = subprocess.run(
            [caffe("convert_imageset"), *words, f"caffe{number}"], capture_output=True, text=True, timeout=60
        )
        assert run.returncode == 0, run.stderr[-2000:]
        verb("convert_imageset")([*words, f"ours{number}"])
        assert check_pages(f"caffe{number}") == len(content(f"caffe{number}")), (
            "the walk passes what Caffe's own LMDB writes"
        )
        theirs, ours = content(f"caffe{number}"), content(f"ours{number}")
        assert sorted(ours) == sorted(theirs)
        # Other releases of the encoders give other bytes.
        encoded_anew = resize and flags and "--encode" in flags[0]
        assert [key for key in ours if ours[key] != theirs[key] and not encoded_anew] == []
        refused = {name for name in names if shown[name].colour is None}
        assert {key[9:] for key in ours} == set(names) - refused
