"""./moka blob list and diff."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import UsageError
from common.files import OutputExists
from common.places import ROOT
from myriad import BlobError
from myriad.patch import make_patch
from myriad.superblob import pack
from ncs.__main__ import ROOM
from tools.fuzz_blobs.samples import arithmetic, network
from tools.fuzz_blobs.writer import Record, blob


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "a.blob").write_bytes(network())
    (tmp_path / "b.blob").write_bytes(arithmetic())
    return [str(tmp_path / "a.blob"), str(tmp_path / "b.blob")]


def test_list(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ROOM.main(["blob", "list", files[0]])
    assert capsys.readouterr().out.startswith(f"{files[0]}: Myriad X blob 6.0, ")
    ROOM.main(["blob", "list", files[0], "--json"])
    assert len(json.loads(capsys.readouterr().out)["stages"]) == 7


def test_picture(files: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "memory.svg"
    ROOM.main(["blob", "list", files[0], "--svg", str(picture)])
    assert picture.read_text().startswith("<svg ")
    with pytest.raises(OutputExists):
        ROOM.main(["blob", "list", files[0], "--svg", str(picture)])
    ROOM.main(["blob", "list", files[1], "--svg", str(picture), "--force"])
    assert "b.blob" in picture.read_text()


def test_diff(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ROOM.main(["blob", "diff", *files])
    lines = capsys.readouterr().out.splitlines()
    assert "- output prob: FP16 NC 1x8" in lines
    assert lines[-1] == "0 stages are equal."


def test_errors(files: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="required: FILE"):
        ROOM.main(["blob", "list"])
    with pytest.raises(BlobError, match="No such file"):
        ROOM.main(["blob", "list", str(tmp_path / "none.blob")])
    (tmp_path / "text.blob").write_text("no blob" * 100)
    with pytest.raises(BlobError, match="do not begin like a Myriad X blob"):
        ROOM.main(["blob", "diff", files[0], str(tmp_path / "text.blob")])


def test_a_list_takes_little_time(files: list[str]) -> None:
    """Processor time, which other work on the machine changes little. It is 0.1 s on one of 2026."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "ncs", "blob", "list", files[0]], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_extract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blobs = {number: blob([], [], [Record(5, [])] * number, shaves=number, slices=number) for number in range(1, 17)}
    patches = {number: make_patch(blobs[8], content) for number, content in blobs.items() if number != 8}
    (tmp_path / "net.superblob").write_bytes(pack(blobs[8], patches))
    words = ["blob", "extract", str(tmp_path / "net.superblob"), "--out", str(tmp_path / "net.blob"), "--shaves"]
    ROOM.main([*words, "5"])
    assert (tmp_path / "net.blob").read_bytes() == blobs[5]
    assert capsys.readouterr().out.endswith(" bytes, for 5 SHAVEs\n")
    with pytest.raises(OutputExists):
        ROOM.main([*words, "6"])
    with pytest.raises(UsageError, match="--shaves 17: expected 1 to 16"):
        ROOM.main([*words, "17", "--force"])
    ROOM.main([*words, "6", "--force"])
    assert (tmp_path / "net.blob").read_bytes() == blobs[6]
