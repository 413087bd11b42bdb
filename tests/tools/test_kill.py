"""Kill -9 in short: a few kills of each cheap command (test_training_workers.py kills a training), and a command that
writes in place is found out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import MokaError, UsageError
from tools import kill, kill_cases


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["LMDB", "LMDB over another", "mean"])
def test_whole_or_absent_and_resumable(tmp_path: Path, name: str) -> None:
    said: list[str] = []
    tally = kill.kill(name, kill_cases.cases(0.1)[name], 2, 0, tmp_path / "work", said.append)
    assert 1 <= tally.kills <= 2, "a machine that is busy elsewhere may let a command end first"
    assert sum(tally.found.values()) == tally.kills >= tally.during_a_write
    assert len(said) == 1
    assert not (tmp_path / "work/killed").exists()


def _sloppy(inputs: Path, before: Path) -> None:
    """A command that writes its file in place, half now and half later, whatever is there."""
    (before / "sloppy.py").write_text(
        "import pathlib, time\n"
        "with pathlib.Path('out/mean.binaryproto').open('wb', 0) as file:\n"
        "    file.write(b'half'), time.sleep(1), file.write(b'half')\n"
        "pathlib.Path('out/mean.npy').touch()\n"
    )


def test_a_half_written_file_is_a_failure(tmp_path: Path) -> None:
    case = replace(kill_cases.cases()["mean"], prepare=_sloppy, command=("out.sloppy",), begin="mean.binaryproto")
    with pytest.raises(MokaError, match=r"mean, seed 3, number 0, killed .* mean\.binaryproto: is not the file that"):
        kill.kill("mean", case, 1, 3, tmp_path / "work")
    assert (tmp_path / "work/killed/out/mean.binaryproto").read_bytes() == b"half"


def test_a_command_that_cannot_go_on_is_a_failure(tmp_path: Path) -> None:
    case = replace(
        kill_cases.cases()["mean"], prepare=_sloppy, command=("out.sloppy",), begin="mean.binaryproto",
        check=lambda out, whole, before: "nothing looked at", go_on=lambda folder, command: ("out.missing",),
    )  # fmt: skip
    with pytest.raises(MokaError, match=r"found nothing looked at; going on ended with exit code 1: .*out\.missing"):
        kill.kill("mean", case, 1, 3, tmp_path / "work")


def test_a_command_that_fails_undisturbed_is_told(tmp_path: Path) -> None:
    case = replace(kill_cases.cases()["mean"], prepare=lambda inputs, before: None)
    with pytest.raises(MokaError, match=r"the undisturbed run failed: error: .*faces_lmdb: no LMDB here"):
        kill.kill("mean", case, 1, 0, tmp_path / "work")


def test_an_unknown_case_is_told() -> None:
    with pytest.raises(UsageError, match="lmdb: no such case; known: training, BINARYPROTO; "):
        kill.main(["lmdb"])
