"""Data sets in miniature, one of whose files is damaged, and what reads them.

A reader may refuse the file with one of our errors. If it reads it, the counts and labels must be right: every file is a
sample or left out, no name comes twice, every label is one that its task has.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from unittest import mock

from common.tasks import LABELS, OLDEST, TASKS
from lmdb_build.datasets import mat_worker, read_dataset
from lmdb_build.samples import Found

from .. import fuzz_inputs as inputs
from .damage import Make, Read, damaged_text

_LONGEST_NAME = 255
# Processor time that reading a .mat may take.
_SECONDS = 10

_ADIENCE = "user_id original_image face_id age gender x y dx dy tilt_ang fiducial_yaw_angle fiducial_score"
_ADIENCE_ROWS = (
    "u1 a.jpg 1 (25,_32) m", "u1 b.jpg 1 (25,_23) f", "u2 a.jpg 2 35 u", "u2 c.jpg 3 None m", "u3 d.jpg 4 (8,_12) ",
)  # fmt: skip
_APPA_REAL = (
    "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age\n"
    "000000.jpg,37,4.89,2.1,4\n000001.jpg,38,24.63,4.2,27\n000002.jpg,36,70.5,6,71\n"
)
_GENKI = "1 -0.06 -0.04 -0.01\n0 0.1 0 0\n1 0 0.2 -0.3\n0 0 0 0\n1 0.01 0.02 0.03\n"
CSV = (
    "picture,person,gender,eyes:open|closed,height:0..200,fold\n"
    'p/0.png,ann,female,closed,171.5,0\np/1.png,bob,0,,,1\np/2.png,"C, Carl",1,open,12,1\np/3.png,,,,3,0\n'
)
_NAMES = {
    "utkface": "25_0_0_20170116174525125.jpg.chip.jpg\n1_1_4_20161219.jpg\n116_1_2_3.png\nsub/55_0_0_4jpg.chip.jpg",
    "fgnet": "images/001A02.JPG\nimages/067A05a.JPG\nimages/082A69.png\npoints/001a02.pts",
    "folder": "cats/1.jpg\ndogs/2.jpg\ndogs/more/3.jpg\nREADME",
}


def kinds() -> dict[str, tuple[Make, Read]]:
    """Return the kinds of input: for each, what makes an input and what reads it."""
    table: dict[str, tuple[Make, Read]] = {
        "Adience": (damaged_text(_adience_text), _read_adience),
        "APPA-REAL": (damaged_text(lambda: _APPA_REAL), _read_appa_real),
        "GENKI-4K": (damaged_text(lambda: _GENKI), _read_genki),
        "IMDB-WIKI": (lambda chance: inputs.damaged([_mat()], chance), _read_imdb_wiki),
        "CSV": (damaged_text(lambda: CSV), _read_csv),
    }
    for kind, names in _NAMES.items():
        table[f"{kind} names"] = (damaged_text(partial(str, names)), partial(_read_names, kind))
    return table


def _sound(found: Found, files: int | None = None) -> None:
    """Raise AssertionError if the counts or labels are wrong. `files`: so many must be samples or left out."""
    names = [sample.name for sample in found.samples]
    assert len(set(names)) == len(names), f"a sample comes twice: {sorted(names)}"
    both = set(names) & {name for name, _ in found.left_out}
    assert not both, f"used and left out: {both}"
    assert files is None or len(names) + len(found.left_out) == files, f"{len(names)} used of {files} files"
    for sample in found.samples:
        for label, value in sample.labels.items():
            assert label in LABELS or label in found.tasks or label in TASKS, f"a label {label!r}"
            assert math.isfinite(value), f"{label} is {value}"
            assert not label.endswith("years") or 0 <= value <= OLDEST, f"{label} is {value}"
        for name, task in {**TASKS, **found.tasks}.items():
            answer = sample.value(task)
            if answer is not None and task.classes:
                assert answer in range(len(task.classes)), f"{name} is {answer}"


def folder_beside(path: Path, name: str, *pictures: str) -> Path:
    """Return a new folder beside the input, with empty files for pictures: readers do not open them."""
    folder = path.with_name(name)
    shutil.rmtree(folder, ignore_errors=True)
    for picture in pictures:
        (folder / picture).parent.mkdir(parents=True, exist_ok=True)
        (folder / picture).touch()
    return folder


def _files(folder: Path) -> int:
    return sum(each.is_file() for each in folder.rglob("*"))


def _adience_text() -> str:
    rows = [row.replace(" ", "\t").replace("_", " ") + "\t0" * 7 for row in _ADIENCE_ROWS]
    return "\n".join([_ADIENCE.replace(" ", "\t"), *rows]) + "\n"


def _read_adience(path: Path) -> None:
    pictures = (
        f"faces/u{user}/landmark_aligned_face.{face}" for user, face in ((1, "1.a.jpg"), (1, "1.b.jpg"), (2, "3.c.jpg"))
    )
    folder = folder_beside(path, "adience", *pictures)
    shutil.copyfile(path, folder / "fold_0_data.txt")
    _sound(read_dataset("adience", folder), _files(folder) - 1)


def _read_appa_real(path: Path) -> None:
    folder = folder_beside(
        path, "appa_real", *(f"{part}/00000{n}.jpg_face.jpg" for part in ("train", "test") for n in range(3))
    )
    for part in ("train", "valid", "test"):
        (folder / f"gt_avg_{part}.csv").write_text(_APPA_REAL)
    shutil.copyfile(path, folder / "gt_avg_train.csv")
    found = read_dataset("appa_real", folder)
    _sound(found)
    assert sum(sample.fold == "test" for sample in found.samples) == 3


def _read_genki(path: Path) -> None:
    folder = folder_beside(path, "genki4k", *(f"files/file000{number}.jpg" for number in (1, 2, 4, 5)))
    shutil.copyfile(path, folder / "labels.txt")
    found = read_dataset("genki4k", folder)
    _sound(found, 4)
    lines = path.read_bytes().split(b"\n")
    for sample in found.samples:
        line = lines[int(sample.name[-5]) - 1].removeprefix(b"\xef\xbb\xbf").split()
        assert line[0] == b"%d" % sample.labels["smile"], f"{sample.name} has the label of another line"


@cache
def _mat() -> bytes:
    """Return an imdb.mat of three entries: a 1x1 struct whose fields are 1x3; texts and boxes are cells."""
    import numpy as np
    from scipy.io import savemat

    fields: dict[str, object] = {
        "dob": np.array([[726000.0, 715000.0, 693726.0]]),
        "photo_taken": np.array([[2010, 2004, 1968]], np.uint16),
        "gender": np.array([[0, 1, math.nan]]),
        "face_score": np.array([[4.5, 2, -math.inf]]),
        "second_face_score": np.array([[math.nan, math.nan, 1]]),
    }
    cells: dict[str, list[object]] = {"full_path": [f"01/{n}.jpg" for n in range(3)], "name": ["Ann", "Bob", "Zoë"]}
    cells["face_location"] = [np.array([[1.0, 2, 30, 40]])] * 3
    for name, values in cells.items():
        row = np.empty((1, 3), object)
        for index, value in enumerate(values):
            row[0, index] = value
        fields[name] = row
    out = io.BytesIO()
    savemat(out, {"imdb": fields})
    return out.getvalue()


def _read_imdb_wiki(path: Path) -> None:
    folder = folder_beside(path, "imdb", *(f"01/{number}.jpg" for number in range(3)))
    shutil.copyfile(path, folder / "imdb.mat")
    with mock.patch("lmdb_build.datasets.imdb_wiki.subprocess.run", _run_in_fork):
        found = read_dataset("imdb_wiki", folder)
    _sound(found)
    assert len(found.samples) <= 3


def _run_in_fork(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[bytes]:
    """Do what `command` does, which is mat_worker.py, in a fork. It has scipy already; loading it takes half a second."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with warnings.catch_warnings():
            # Of threads, which the child does not use.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.signal(signal.SIGPROF, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_PROF, _SECONDS)
                sys.stdout, sys.stderr = io.TextIOWrapper(out), io.TextIOWrapper(err)
                mat_worker.main(*command[-2:])
                code = 0
            except SystemExit as error:
                code = int(error.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def _read_csv(path: Path) -> None:
    _sound(read_dataset("csv", path))


def _read_names(kind: str, path: Path) -> None:
    """Make an empty file for each line, as far as the file system takes it, and read the folder."""
    folder = folder_beside(path, f"{kind}_names")
    folder.mkdir()
    for name in path.read_bytes().split(b"\n")[:100]:
        steps = name.split(b"/")
        if b"\0" in name or any(step in (b"", b".", b"..") or len(step) > _LONGEST_NAME for step in steps):
            continue
        target = folder / name.decode("utf-8", "surrogateescape")
        with contextlib.suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
    points = sum(each.is_file() and each.name.lower().endswith(".pts") for each in folder.rglob("*"))
    _sound(read_dataset(kind, folder), _files(folder) - (points if kind == "fgnet" else 0))
