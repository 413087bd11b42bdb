"""Nothing leaves the machine, and nothing is written outside the working folder: every verb, watched from inside and outside.

Python's audit hook sees what Python code does, the libraries' included. strace, where it is installed, sees the rest.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from common.places import ROOT
from kits.lmdb_build import write_faces
from kits.ncs import write_small_net
from kits.training import small_solver

COMMANDS = {
    "train": ["train", "--solver", "solver.prototxt"],
    "test": ["test", "--model", "net.prototxt", "--weights", "small_iter_12.caffemodel", "--iterations", "2"],
    "time": ["time", "--model", "net.prototxt", "--iterations", "1"],
    "draw": ["draw", "--model", "net.prototxt", "--out", "net.svg"],
    "extract_features": ["extract_features", "small_iter_12.caffemodel", "net.prototxt", "fc8", "fc8_lmdb", "1"],
    "upgrade": ["upgrade", "net.prototxt", "new.prototxt"],
    "evaluate": ["evaluate", "--model", "net.prototxt", "--weights", "small_iter_12.caffemodel"],
    "build_dataset": ["build_dataset", "--images", "faces"],
    "convert_imageset": ["convert_imageset", "./", "faces.txt", "faces_lmdb"],
    "compute_image_mean": ["compute_image_mean", "train", "mean.binaryproto", "--npy", "mean.npy"],
    "compile": ["compile", "--net", "SmallNet"],
    "mean": ["mean", "data/mean/mean.binaryproto", "graph/mean.npy"],
    "types": ["types"],
    "infer": ["infer", "--image_path", "FACE", "--device", "CPU", "--output", "answer.png"],
}
# It is told what it may write to, and writes down what else is opened for writing, and every socket.
WATCHER = """
import json, os, runpy, sys
report, allowed, program = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
seen = []
def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if not isinstance(path, (str, bytes)) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link"):
        path = arguments[1] if event in ("os.rename", "os.symlink", "os.link") else arguments[0]
    elif event.startswith(("socket.", "urllib.", "http.")) and event != "socket.gethostname":
        seen.append([event, repr(arguments)])
        return
    else:
        return
    path = os.path.realpath(os.fsdecode(path))
    if not any(path == folder or path.startswith(folder + "/") for folder in allowed):
        seen.append([event, path])
sys.addaudithook(watch)
sys.argv[:] = sys.argv[3:]
try:
    runpy.run_path(program, run_name="__main__")
finally:
    allowed.append(report)
    with open(report, "w") as file:
        json.dump(seen, file)
"""


TRACED = ("train", "evaluate", "compile", "infer")


@dataclass(frozen=True)
class Watched:
    """How a verb ended, what Python's audit hook saw that it should not, and the lines of strace, if that is there."""

    done: subprocess.CompletedProcess[str]
    seen: list[list[str]]
    calls: list[str]


class Project:
    """A folder with the inputs of every verb, and the outputs of those that the others need. Each verb is run once."""

    def __init__(self, base: Path) -> None:
        self.base, self.work = base, base / "work"
        for name in ("work", "home", "tmp"):
            (base / name).mkdir()
        small_solver(self.work, snapshot_prefix=f"{self.work}/small")
        write_small_net(self.work)
        faces = write_faces(self.work / "faces", [(age, age % 2) for age in range(1, 80, 7)])
        (self.work / "faces.txt").write_text("".join(f"faces/{face.name} 0\n" for face in faces))
        self.runs: dict[str, Watched] = {}
        for verb in ("train", "compile"):
            assert self.run(verb).done.returncode == 0, self.run(verb).done.stderr

    def run(self, verb: str) -> Watched:
        if verb not in self.runs:
            self.runs[verb] = watched(self.base, verb)
        return self.runs[verb]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("isolation"))


def words(base: Path, verb: str) -> list[str]:
    face = min((base / "work/faces").iterdir()) if (base / "work/faces").exists() else None
    found = [str(face) if word == "FACE" else word for word in COMMANDS[verb]]
    return [*found, *(["--force"] if verb not in ("test", "time", "evaluate", "types") else [])]


def environment(base: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("MPLCONFIGDIR", "CUDA_CACHE_PATH")}
    return {**kept, "HOME": str(base / "home"), "TMPDIR": str(base / "tmp"), "PYTHONPATH": str(ROOT)}


def watched(base: Path, verb: str) -> Watched:
    report, log = base / "work" / f"{verb}.json", base / f"{verb}.strace"
    allowed = [base / "work", base / "tmp", ROOT, Path("/dev/null"), Path(sys.prefix), Path(sys.base_prefix)]
    texts = [os.path.realpath(path) for path in allowed]
    command = [sys.executable, "-c", WATCHER, str(report), json.dumps(texts), str(ROOT / "moka"), *words(base, verb)]
    strace = ["strace", "-f", "-qq", "-e", "trace=network,openat,creat,mkdir,rename,unlink", "-o", str(log)]
    if verb in TRACED and may_trace():
        command = [*strace, *command]
    done = subprocess.run(
        command,
        cwd=base / "work",
        env=environment(base),
        capture_output=True,
        encoding="utf-8",
        timeout=250,
        check=False,
    )
    seen = json.loads(report.read_text()) if report.exists() else [["no report", done.stderr]]
    return Watched(done, seen, log.read_text(errors="replace").splitlines() if log.exists() else [])


@cache
def may_trace() -> bool:
    """Whether strace is installed and the kernel lets it trace."""
    if not shutil.which("strace"):
        return False
    return subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("verb", COMMANDS)
def test_no_socket_and_no_file_elsewhere(project: Project, verb: str) -> None:
    run = project.run(verb)
    assert run.done.returncode == 0, run.done.stderr
    assert run.seen == []
    assert list((project.base / "home").iterdir()) == []
    assert list((project.base / "tmp").iterdir()) == []


# Libraries ask the C library for users' names, which looks for a local daemon; libusb listens to the kernel.
LOCAL = re.compile(r"AF_(UNIX|NETLINK)")


@pytest.mark.slow
@pytest.mark.parametrize("verb", TRACED)
def test_the_kernel_sees_no_socket_either(project: Project, verb: str) -> None:
    if not may_trace():
        pytest.skip("strace is not installed, or may not trace here")
    run = project.run(verb)
    assert run.done.returncode == 0, run.done.stderr
    calls = run.calls
    assert len(calls) > 100
    sockets = [line for line in calls if re.search(r"\b(socket|connect|sendto|sendmsg)\(", line)]
    assert [line for line in sockets if " socket(" in line and not LOCAL.search(line)] == []
    written = [line for line in calls if re.search(r"O_(CREAT|WRONLY|RDWR)", line) and "= -1" not in line]
    outside = [line for line in written if re.search(r'"/', line)]
    places = (
        str(project.work),
        str(project.base / "tmp"),
        str(ROOT),
        "/dev/",
        "/proc/self",
        sys.prefix,
        sys.base_prefix,
    )
    assert [line for line in outside if not re.search(rf'"({"|".join(map(re.escape, places))})', line)] == []


@pytest.mark.parametrize("home", ["", "/nonexistent", "/proc"])
def test_no_noise_about_a_home_that_cannot_be_written(project: Project, home: str) -> None:
    variables = {key: value for key, value in environment(project.base).items() if key != "HOME"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "moka"), *words(project.base, "evaluate")],
        cwd=project.work,
        env={**variables, **({"HOME": home} if home else {})},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("room", ["ncs.converter", "inference.devices.cpu", "evaluation.engines"])
def test_openvino_is_loaded_without_its_telemetry(tmp_path: Path, room: str) -> None:
    code = f"import sys, {room}, openvino; print(sys.modules['openvino_telemetry'], openvino.__version__ > '2021')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.stdout == "None True\n", done.stderr
