"""What a command does before it loads anything else: where its modules come from, and its standard streams."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.places import ROOT
from kits.ncs import write_small_net

# It imports all of the modules that are hidden here, prints a report, writes files, and takes less than a second.
COMPILE = ["compile", "--net", "SmallNet"]


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
    write_small_net(tmp_path)
    words = COMPILE if launcher == "moka" else ["--help"]
    done = run(tmp_path, [ROOT / launcher, *words])
    assert (done.returncode, done.stderr) == (0, "")
    assert "MINE RAN" not in done.stdout


@pytest.mark.parametrize("name", ["random", "numpy", "json"])
def test_python_m_takes_no_libraries_from_the_current_folder(tmp_path: Path, name: str) -> None:
    # Python finds the package `ncs` itself before our code runs.
    write_small_net(tmp_path)
    (tmp_path / f"{name}.py").write_text("print('MINE RAN')\nraise SystemExit(77)\n")
    done = run(tmp_path, ["-m", "ncs", *COMPILE])
    assert (done.returncode, done.stderr) == (0, "")
    assert "MINE RAN" not in done.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error(tmp_path: Path, closed: str) -> None:
    write_small_net(tmp_path)
    done = run(tmp_path, [ROOT / "moka", *COMPILE], closed)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "graph/SmallNet.xml").read_text("utf-8").startswith("<?xml")
    assert json.loads((tmp_path / "graph/SmallNet.json").read_text("utf-8"))["name"] == "SmallNet"
    wrong = run(tmp_path, [ROOT / "moka", "compile", "--net", "none"], closed)
    assert wrong.returncode == 1


@pytest.mark.parametrize("path", [ROOT / "common/process/__init__.py", ROOT / "common/process/start.py"])
def test_an_old_python_can_read_it(path: Path) -> None:
    ast.parse(path.read_text("utf-8"), feature_version=(3, 6))


def test_every_command_loads_it_first() -> None:
    commands = [path for path in ROOT.glob("*/*.py") if '__name__ == "__main__"' in path.read_text("utf-8")]
    assert ROOT / "training/__main__.py" in commands
    first = [path.parent.name for path in commands if "import common.process.start" in path.read_text("utf-8")]
    assert {"training", "lmdb_build", "ncs", "inference", "evaluation", "tools"} <= set(first)
