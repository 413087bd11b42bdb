"""install_pi.sh: what it makes, what it refuses, and that it needs no root. Nothing is downloaded here.

A stand-in for python3 makes environments whose Python only writes down what it was asked to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from common.places import ROOT

RULE = "97-moka-myriad.rules"
# Reads bundles with the real Python; a new environment gets the Python of ENVIRONMENT.
PYTHON = f"""#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    echo "made $3" >>"$LOG"
    mkdir -p "$3/bin" && cp "$BOX/in-venv" "$3/bin/python"
else
    exec "{sys.executable}" "$@"
fi
"""
ENVIRONMENT = """#!/bin/sh
for word; do case "$word" in */runner.txt | */page.txt) echo "lock $(cat "$word")" >>"$LOG" ;; esac; done
case "$*" in *--image_path*) echo "device   CPU" && echo "asked $1" >>"$LOG" ;; esac
"""


class Box:
    """A machine: a home folder with the script and a bundle, and programs that come first on PATH."""

    def __init__(self, folder: Path, home: str = "home") -> None:
        self.log = folder / "log"
        self.log.touch()
        self.home = folder / home
        self.programs = folder / "programs"
        self.programs.mkdir(parents=True)
        self.home.mkdir()
        self.bundle = self.home / "moka-edge.pyz"
        self.venv = self.home / ".venv"
        shutil.copy(ROOT / "install_pi.sh", self.home)
        self.write_bundle("locks/runner.txt", "locks/page.txt", f"tools/{RULE}")
        (folder / "in-venv").write_text(ENVIRONMENT)
        (folder / "in-venv").chmod(0o755)
        self.add("python3", PYTHON)
        self.environment = {**os.environ, "LOG": str(self.log), "BOX": str(folder), "HOME": str(self.home)}
        self.environment["PATH"] = f"{self.programs}:{os.environ['PATH']}"
        self.environment.pop("XDG_CONFIG_HOME", None)

    def write_bundle(self, *names: str) -> None:
        with zipfile.ZipFile(self.bundle, "w") as bundle:
            for name in names:
                bundle.writestr(name, f"{Path(name).name}\n")

    def add(self, name: str, script: str) -> None:
        """Put a program first on PATH."""
        (self.programs / name).write_text(script)
        (self.programs / name).chmod(0o755)

    def install(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [self.home / "install_pi.sh", *map(str, words)]
        return subprocess.run(
            command, cwd="/", env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def logged(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.mark.parametrize("home", ["home", "a b", 'quo"te', "$(touch pwned)", "50%"])
def test_it_makes_an_environment_and_asks_for_an_answer(tmp_path: Path, home: str) -> None:
    box = Box(tmp_path, home)
    done = box.install()
    assert (done.returncode, done.stderr) == (0, "")
    assert box.logged() == [f"made {box.venv}", "lock runner.txt", f"asked {box.bundle}"]
    assert f"ready: python3 {box.bundle} --image_path FACE.jpg" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if "/3  " in line] == ["1/3", "2/3", "3/3"]
    assert not list(tmp_path.rglob("pwned"))


def test_the_environment_is_made_once(box: Box) -> None:
    box.install()
    done = box.install("--page")
    assert (done.returncode, done.stderr) == (0, "")
    made = [line for line in box.logged() if line.startswith(("made", "lock"))]
    assert made == [f"made {box.venv}", "lock runner.txt", "lock page.txt"]


def test_an_environment_that_was_left_unfinished_is_made_again(box: Box) -> None:
    box.venv.mkdir()
    (box.venv / "made-by-install_pi").touch()
    assert box.install().returncode == 0
    assert box.logged()[0] == f"made {box.venv}"


def test_an_environment_of_somebody_else_stays(box: Box) -> None:
    box.venv.mkdir()
    (box.venv / "mine").touch()
    done = box.install()
    assert done.returncode == 1
    assert (
        done.stderr
        == f"error: {box.venv}: is another program's environment. Put the bundle into a folder of its own.\n"
    )
    assert [path.name for path in box.venv.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("program", "says", "expected"),
    [
        ("uname", "armv7l", "this system is for armv7l, and OpenVINO needs 64 bits."),
        ("getconf", "glibc 2.31", "glibc is 2.31, and OpenVINO needs 2.35."),
    ],
)
def test_a_system_that_is_too_old_is_told_so(box: Box, program: str, says: str, expected: str) -> None:
    box.add(program, f"#!/bin/sh\necho {says}\n")
    done = box.install()
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {expected}")
    assert box.logged() == []


def test_a_newer_glibc_is_not_taken_for_an_old_one(box: Box) -> None:
    box.add("getconf", "#!/bin/sh\necho glibc 2.100\n")
    assert box.install().returncode == 0


def test_what_is_no_bundle_is_refused(box: Box) -> None:
    box.bundle.write_text("something")
    done = box.install()
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {box.bundle}: is no bundle that ./moka bundle wrote, or is damaged.\n",
    )
    box.bundle.unlink()
    assert "not found. Make it on a PC with ./moka bundle" in box.install().stderr


@pytest.mark.parametrize("words", [["--pages"], ["a.pyz", "b.pyz"]])
def test_wrong_words(box: Box, words: list[str]) -> None:
    assert box.install(*words).returncode == 2


def test_a_failing_answer_is_an_error(box: Box, tmp_path: Path) -> None:
    (tmp_path / "in-venv").write_text('#!/bin/sh\ncase "$*" in *--image_path*) exit 1 ;; esac\n')
    done = box.install()
    assert done.returncode == 1
    assert "gives no answer" in done.stderr
    assert "ready" not in done.stdout


def test_the_udev_rule_is_all_that_needs_root(box: Box) -> None:
    box.add("sudo", '#!/bin/sh\necho "sudo $*" >>"$LOG"\n')
    box.add("id", "#!/bin/sh\n[ $1 = -u ] && echo 1000 || echo ann\n")
    assert box.install("--service").returncode == 0
    assert not any(line.startswith("sudo") for line in box.logged())
    box.log.write_text("")
    done = box.install("--udev")
    assert (done.returncode, done.stderr) == (0, "")
    first, *others = box.logged()
    assert first.startswith("sudo install -m 644 ")
    assert first.endswith(f" /etc/udev/rules.d/{RULE}")
    assert others == ["sudo udevadm control --reload-rules", "sudo udevadm trigger", "sudo usermod -aG plugdev ann"]


@pytest.mark.parametrize("home", ["home", "50% of $HOME"])
def test_the_service_is_a_unit_of_the_user(tmp_path: Path, home: str) -> None:
    box = Box(tmp_path, home)
    box.add("systemctl", '#!/bin/sh\necho "systemctl $*" >>"$LOG"\n')
    done = box.install("--service")
    assert (done.returncode, done.stderr) == (0, "")
    calls = [line for line in box.logged() if line.startswith("systemctl")]
    assert calls == [
        "systemctl --user daemon-reload",
        "systemctl --user enable moka",
        "systemctl --user restart moka",
    ]
    unit = box.home / ".config/systemd/user/moka.service"
    (start,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    place = str(box.home).replace("%", "%%")
    bundle = f"{place}/moka-edge.pyz".replace("$", "$$")
    assert start == f'ExecStart="{place}/.venv/bin/python" "{bundle}" serve --source webcam'
    assert box.install("--service").returncode == 0


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    box = Box(tmp_path, "50% of $HOME")
    box.install("--service")
    unit = box.home / ".config/systemd/user/moka.service"
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", unit],
        env={**box.environment, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Units of this machine may be wrong.
    assert "moka" not in checked.stderr
    assert "Failed" not in checked.stderr


def test_a_unit_of_somebody_else_stays(box: Box) -> None:
    unit = box.home / ".config/systemd/user/moka.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Unit]\n")
    done = box.install("--service")
    assert done.returncode == 1
    assert f"{unit}: was not written by install_pi.sh" in done.stderr
    assert unit.read_text() == "[Unit]\n"


def test_a_bundle_without_a_page_has_no_service(box: Box) -> None:
    box.write_bundle("locks/runner.txt")
    done = box.install("--service")
    assert done.returncode == 1
    assert "has no page" in done.stderr
    assert not box.venv.exists()
