"""tools.kill in short: a few kills of each cheap command, and commands that do it wrong are found.

tests/training/solvers/test_workers.py kills a training.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import MokaError, UsageError
from tools import kill, kill_cases


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    "name",
    [
        "LMDB",
        "LMDB over another",
        "pictures and labels over others",
        "pictures and labels, resumed",
        "mean",
        "faces",
        "faces and their lists",
        "lists over others",
    ],
)
def test_outputs_are_complete_or_missing_and_the_command_can_go_on(tmp_path: Path, name: str) -> None:
    lines: list[str] = []
    tally = kill.kill(name, kill_cases.cases(0.1)[name], 2, 0, tmp_path / "work", lines.append)
    assert 1 <= tally.kills <= 2, "a machine that is busy elsewhere may let a command end first"
    assert sum(tally.found.values()) == tally.kills >= tally.during_a_write
    assert len(lines) == 1
    assert not (tmp_path / "work/killed").exists()


def _sloppy(inputs: Path, before: Path) -> None:
    """Write a command that writes its file in place, half now and half later, whatever is there."""
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
        check=lambda out, undisturbed, before: "nothing checked", go_on=lambda folder, command: ("out.missing",),
    )  # fmt: skip
    with pytest.raises(MokaError, match=r"found nothing checked; going on ended with exit code 1: .*out\.missing"):
        kill.kill("mean", case, 1, 3, tmp_path / "work")


def test_a_command_that_fails_undisturbed_is_an_error(tmp_path: Path) -> None:
    case = replace(kill_cases.cases()["mean"], prepare=lambda inputs, before: None)
    with pytest.raises(MokaError, match=r"the undisturbed run failed: error: .*faces_lmdb: no LMDB here"):
        kill.kill("mean", case, 1, 0, tmp_path / "work")


def test_an_unknown_case() -> None:
    with pytest.raises(
        UsageError, match=r'^lmdb: no such case\. Known: training, BINARYPROTO; .*Did you mean "LMDB"\?$'
    ):
        kill.main(["lmdb"])


@pytest.mark.slow
def test_a_mixed_set_of_compiled_files_is_refused(tmp_path: Path) -> None:
    """The runner leaves a network out whose files are not its card's, so nothing is raised."""
    inputs, old, new = (tmp_path / name for name in ("inputs", "old", "new"))
    for folder in (inputs, old):
        folder.mkdir()
    case = kill_cases.cases()["ncs"]
    case.prepare(inputs, old)
    shutil.copytree(old, new)
    (new / "Net.bin").write_bytes((new / "Net.bin").read_bytes()[::-1])
    assert case.check(new, old, old) == "a mixed set, which is refused"
    assert case.check(old, new, old) == "the old set"
