"""What a command does before it loads anything else: where its modules come from, and its standard streams."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.places import ROOT

DRAW = [ROOT / "moka", "draw", "--model", ROOT / "prototxt/AgeNet/deploy.prototxt", "--out", "net.svg"]


def run(folder: Path, words: list[object], shell: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python with these words, in a shell that also does `shell`, such as closing a stream."""
    return subprocess.run(
        ["bash", "-c", f'"$0" "$@" {shell}', sys.executable, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", ["random", "numpy", "common"])
@pytest.mark.parametrize("launcher", ["moka", "run_inference.py", "build_dataset.py"])
def test_modules_of_the_current_folder_do_not_run(tmp_path: Path, name: str, launcher: str) -> None:
    (tmp_path / f"{name}.py").write_text("print('MINE RAN')\nraise SystemExit(77)\n")
    words = DRAW if launcher == "moka" else [ROOT / launcher, "--help"]
    done = run(tmp_path, words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "MINE RAN" not in done.stdout


@pytest.mark.parametrize("name", ["random", "numpy", "json"])
def test_python_m_takes_no_libraries_from_the_current_folder(tmp_path: Path, name: str) -> None:
    # Python finds the package `training` itself before our code runs.
    (tmp_path / f"{name}.py").write_text("print('MINE RAN')\nraise SystemExit(77)\n")
    done = run(tmp_path, ["-m", "training", *DRAW[1:]])
    assert (done.returncode, done.stderr) == (0, "")
    assert "MINE RAN" not in done.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error(tmp_path: Path, closed: str) -> None:
    done = run(tmp_path, DRAW, closed)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "net.svg").read_text("utf-8").startswith("<svg")
    wrong = run(tmp_path, [ROOT / "moka", "draw", "--model", "none"], closed)
    assert wrong.returncode == 1


@pytest.mark.parametrize("path", [ROOT / "common/process/__init__.py", ROOT / "common/process/start.py"])
def test_an_old_python_can_read_it(path: Path) -> None:
    ast.parse(path.read_text("utf-8"), feature_version=(3, 6))


def test_every_command_loads_it_first() -> None:
    commands = [path for path in ROOT.glob("*/*.py") if '__name__ == "__main__"' in path.read_text("utf-8")]
    assert ROOT / "training/__main__.py" in commands
    first = [path.parent.name for path in commands if "import common.process.start" in path.read_text("utf-8")]
    assert {"training", "lmdb_build", "ncs", "inference", "evaluation", "tools"} <= set(first)
