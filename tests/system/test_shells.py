"""The shell scripts in shells, folders and environments that are not as expected."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.places import ROOT

SCRIPTS = sorted(path.name for path in ROOT.glob("*.sh") if path.name != "test.sh")


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A checkout, in a folder of the given name, whose .venv holds a program that says where it was called from."""
    folder = tmp_path / getattr(request, "param", "checkout")
    shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in ("common", "locks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*SCRIPTS, "moka"):
        shutil.copy(ROOT / name, folder)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "called in $PWD with $*"\n')
    python.chmod(0o755)
    shutil.copy(folder / "locks/train.txt", folder / ".venv/installed-train.txt")
    shutil.copy(folder / "locks/runner.txt", folder / ".venv/installed-runner.txt")
    return folder


@pytest.mark.parametrize("script", ["create_mean.sh", "train_AgeNet.sh", "test_AgeNet.sh"])
def test_cdpath_leads_nowhere(checkout: Path, script: str) -> None:
    (checkout.parent / "elsewhere/checkout/tools").mkdir(parents=True)
    done = run(checkout.parent, f"checkout/{script}", CDPATH=f"{checkout.parent / 'elsewhere'}:.")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"called in {checkout.parent} with {checkout}/moka ")


def test_cdpath_does_not_move_the_demo(checkout: Path) -> None:
    """It deletes models below its folder."""
    (checkout.parent / "elsewhere/out/models/AgeNet").mkdir(parents=True)
    (checkout / "tools/toolchain.sh").write_text("#!/bin/sh\n")
    done = run(
        checkout.parent, "checkout/demo.sh", "--quick", "--out", "out", CDPATH=f"{checkout.parent / 'elsewhere'}:."
    )
    assert f"called in {checkout.parent}/out with -m recipes.demo.nets" in done.stdout
    assert list((checkout.parent / "elsewhere/out/models").iterdir()) != []


def test_a_script_is_called_through_a_link(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/train").symlink_to(checkout / "train_AgeNet.sh")
    done = run(tmp_path, "bin/train")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"called in {tmp_path} with ")


@pytest.mark.parametrize("checkout", ["a b", 'quo"te', "apo's", "$(touch pwned)", "`touch pwned`", "ü"], indirect=True)
def test_the_name_of_the_folder_is_only_a_name(checkout: Path, tmp_path: Path) -> None:
    done = run(tmp_path, str(checkout / "train_AgeNet.sh"))
    assert (done.returncode, done.stderr) == (0, "")
    # As `ensure` of common/environment.py does where packages are missing.
    script = "import sys; sys.path.insert(0, sys.argv[1]); from common.environment import ensure; ensure('train')"
    ensured = run(tmp_path, sys.executable, "-S", "-c", script, str(checkout))
    assert (ensured.returncode, ensured.stderr) == (0, "")
    assert ensured.stdout.startswith(f"called in {tmp_path} with ")
    assert not list(tmp_path.rglob("pwned"))


def test_an_environment_whose_python_is_gone_is_made_again(checkout: Path, tmp_path: Path) -> None:
    """pip cannot be reached here: what counts is that the old environment is not taken for a good one."""
    python = checkout / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    (checkout / ".venv/pyvenv.cfg").write_text("home = /nowhere\n")
    done = run(tmp_path, str(checkout / "train_AgeNet.sh"), PIP_NO_INDEX="1")
    assert f"making {checkout}/.venv with Python 3." in done.stderr
    assert done.returncode == 1
    assert "could not be installed" in done.stderr


@pytest.mark.parametrize("made_by_us", [True, False])
def test_an_environment_of_another_python(checkout: Path, tmp_path: Path, made_by_us: bool) -> None:
    """After an upgrade of the system python is a newer one, which looks for pip and packages in a folder of its own.

    Ours is made again. To one of the user's without pip, pip is added.
    """
    works = "#!/bin/sh\necho new\n"
    (checkout / ".venv/bin/python").write_text('#!/bin/sh\ncase "$*" in *find_spec* | "-m pip"*) exit 1 ;; esac\n')
    (checkout / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    old = checkout / ".venv/lib/python3.9/site-packages/numpy"
    old.mkdir(parents=True)
    if not made_by_us:
        for stamp in (checkout / ".venv").glob("installed-*.txt"):
            stamp.unlink()
    # Stands for the system's Python: `python3 -m venv FOLDER`.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").write_text(
        f'#!/bin/sh\n[ "$2" = venv ] || exit 0\nmkdir -p "$3/bin"\nprintf {works!r} > "$3/bin/python"\nchmod +x "$3/bin/python"\n'
    )
    (tmp_path / "bin/python3").chmod(0o755)
    done = run(tmp_path, str(checkout / "train_AgeNet.sh"), PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "new"), done.stderr
    assert f"making {checkout}/.venv" in done.stderr
    assert old.exists() is not made_by_us


def test_settings_of_pip_do_not_send_packages_elsewhere(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".venv/bin/python").write_text('#!/bin/sh\necho "$PIP_USER:$PIP_TARGET:$PIP_PREFIX"\n')
    done = run(tmp_path, str(checkout / "train_AgeNet.sh"), PIP_USER="1", PIP_TARGET="x", PIP_PREFIX="y")
    assert done.stdout == "0::\n"


def test_apt_s_files_name_mirrors_before_there_are_lists(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://no.example/ bookworm main\ndeb [arch=amd64] http://one.example/debian bookworm main\n"
    )
    (tmp_path / "sources.list.d/x.sources").write_text(
        "Types: deb\nURIs: http://two.example/debian\nSuites: bookworm bookworm-updates\n"
    )
    script = f'. "{ROOT}/tools/debian11.sh"; mirrors_in_sources bookworm "{tmp_path}"'
    assert run(tmp_path, "bash", "-c", script).stdout.split() == [
        "http://one.example/debian",
        "http://two.example/debian",
    ]
