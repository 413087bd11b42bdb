"""The works that tools.bench times: the commands of both sides, and the figure that counts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from types import MappingProxyType

from common.errors import MokaError
from common.places import ROOT, TOOLCHAIN, toolchain_program
from common.tasks import age_class
from faces.detectors.files import has_files
from tools.zoo import NETS, SOURCE
from training.solvers.precision import BF16_FLAGS, cpu_flags

CAFFE = TOOLCHAIN / "caffe/bin"
MO = toolchain_program("movidius", "mo")

DEPLOY, WEIGHTS = "prototxt/AgeNet/deploy.prototxt", "models/AgeNet/AgeNet_iter_1.caffemodel"
RESIZE = ["--resize_height=227", "--resize_width=227"]
BATCH = 32
"""The batch size of the nets of the zoo."""
ZOO = {"resnet18": "ResNet-18", "mobilenet": "MobileNet v1"}
"""Work -> net of the zoo."""


@dataclass(frozen=True)
class Run:
    """One process from start to end: wall-clock `seconds`, peak `memory` in MB, the `text` that it printed."""

    seconds: float
    memory: float
    text: str


@dataclass(frozen=True)
class Work:
    """A row of the table.

    `value` reads the figure from a run (default: its seconds); smaller is better unless `larger_is_better`. `goal` says how
    many times faster than theirs it should be; without theirs, which value it should stay below. `reason` says why it may
    miss the goal. With `memory_counts` it should take no more memory than theirs.
    """

    what: str
    unit: str
    goal: float
    ours: Sequence[str]
    theirs: Sequence[str] | None
    value: Callable[[Run], float] = lambda run: run.seconds
    larger_is_better: bool = False
    reason: str = ""
    memory_counts: bool = False


def best_blas() -> dict[str, str]:
    """Return the environment that makes Caffe's OpenBLAS (0.3.13) fastest. It does not recognise newer processors."""
    return {"OPENBLAS_CORETYPE": "SkylakeX"} if "avx512f" in cpu_flags() else {}


def run_process(command: Sequence[str], folder: Path, extra: Mapping[str, str] = MappingProxyType({})) -> Run:
    """Run a command in `folder` with `extra` environment variables. Raises MokaError with its last lines if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GLOG_logtostderr": "1", **extra}
    with tempfile.TemporaryFile("w+") as output:
        begun = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if child.returncode:
        raise MokaError(f"{' '.join(map(str, command))}: ended with exit code {child.returncode}:\n{text[-2000:]}")
    return Run(seconds, usage.ru_maxrss / 1024, text)


def prepare(folder: Path) -> None:
    """Make faces, lists, databases of 500, 2,000 and 10,000 records, a mean, nets, weights and an IR in `folder`."""
    python = sys.executable
    run_process([python, "-m", "tools.sample_faces", "--out", "faces", "--count", "500"], folder)
    names = sorted(path.name for path in (folder / "faces").iterdir())
    databases = {500: "data/lmdb/age_train_lmdb", 2_000: "data/lmdb/age_test_lmdb", 5_000: "", 10_000: "large_lmdb"}
    for count, database in databases.items():
        lines = []
        for name in islice(cycle(names), count):
            lines.append(f"faces/{name} {age_class(int(name.split('_')[0]))}")
        (folder / f"{count}.txt").write_text("\n".join(lines) + "\n")
        if database:
            run_process(
                [python, "-m", "lmdb_build", "convert_imageset", *RESIZE, "./", f"{count}.txt", database], folder
            )
    mean = "data/mean/mean.binaryproto"
    run_process([python, "-m", "lmdb_build", "compute_image_mean", databases[500], mean], folder)
    shutil.copytree(ROOT / "prototxt", folder / "prototxt")
    _solvers(folder)
    _zoo(folder)
    run_process([python, "-m", "training", "train", "--solver", "once.prototxt"], folder)
    sources = ["--model", DEPLOY, "--weights", WEIGHTS, "--mean", mean, "--card", "prototxt/AgeNet/card.json"]
    run_process([python, "-m", "ncs", "compile", *sources], folder)


def _solvers(folder: Path) -> None:
    """Write solver.prototxt: 16 iterations of AgeNet without tests and snapshots. once.prototxt is for a caffemodel."""
    solver = (ROOT / "prototxt/AgeNet/solver.prototxt").read_text()
    for name, text in {"max_iter": "16", "display": "5", "snapshot": "0", "test_interval": "0"}.items():
        solver = re.sub(rf"(?m)^{name}:.*$", f"{name}: {text}", solver)
    solver = re.sub(r"(?m)^test_iter:.*$", "", solver) + "snapshot_after_train: false\n"
    (folder / "solver.prototxt").write_text(solver)
    once = solver.replace("max_iter: 16", "max_iter: 1").replace("after_train: false", "after_train: true")
    (folder / "once.prototxt").write_text(once)


def _zoo(folder: Path) -> None:
    """Write nets of the zoo in full size with solvers of 10 iterations, and an HDF5 file of noise to learn from."""
    import h5py
    import numpy as np

    random = np.random.default_rng(0)
    for work, name in ZOO.items():
        net = NETS[name].writer(NETS[name].full, 1.0, BATCH)
        (folder / f"{work}.prototxt").write_text(net.text)
        (folder / f"{work}_solver.prototxt").write_text(
            f'net: "{work}.prototxt"\nbase_lr: 0.001\nlr_policy: "fixed"\nmomentum: 0.9\nweight_decay: 0.0005\n'
            f'max_iter: 10\ndisplay: 3\nsnapshot_prefix: "{work}"\nsnapshot_after_train: false\nsolver_mode: CPU\n'
        )
    with h5py.File(folder / "noise.h5", "w") as file:
        # Both nets take pictures of the same size, so the tops of the last one are right for both.
        for name, top in net.tops.items():
            shape = (2 * BATCH, *top.shape)
            noise = random.integers(top.classes, size=shape) if top.classes else random.normal(size=shape)
            file[name] = noise.astype(np.float32)
    (folder / SOURCE).write_text("noise.h5\n")


def images_per_second(batch: int) -> Callable[[Run], float]:
    """Return a function that reads the speed from the last interval of a training log in Caffe's format."""
    return lambda run: batch * float(re.findall(r"Iteration \d+ \(([\d.eE+-]+) iter/s", run.text)[-1])


def number(pattern: str) -> Callable[[Run], float]:
    """Return a function that reads the last number that `pattern` finds in what was printed."""
    return lambda run: float(re.findall(pattern, run.text)[-1])


def works() -> dict[str, Work]:
    """Return all works by name, in the order of the table."""
    python = [sys.executable, "-m"]
    caffe = str(CAFFE / "caffe")
    ours, theirs = [*python, "training", "train", "--force", "--solver"], [caffe, "train", "--solver"]
    net = "prototxt/AgeNet/train_test.prototxt"
    test = ["--model", net, "--weights", WEIGHTS, "--iterations", "40"]
    table = {
        "train": Work(
            "training AgeNet, batch 50, fp32", "images/s", 2.2, [*ours, "solver.prototxt"], [*theirs, "solver.prototxt"],
            images_per_second(50), True,
            "Convolutions, 85 % of the time, run as fast as a plain matrix product; PyTorch by itself takes 220 MB.", True,
        ),
        "bf16": Work(
            "the same, ours in bf16", "images/s", 3.5, [*ours, "solver.prototxt", "--precision", "bf16"],
            [*theirs, "solver.prototxt"], images_per_second(50), True, "", True,
        ),
        **{
            work: Work(
                f"training {name}, batch {BATCH}, fp32", "images/s", 2.5, [*ours, f"{work}_solver.prototxt"],
                [*theirs, f"{work}_solver.prototxt"], images_per_second(BATCH), True, "", True,
            )
            for work, name in ZOO.items()
        },
        "test": Work(
            "test pass over 2,000 records, start-up included", "s", 3, [*python, "training", "test", *test],
            [caffe, "test", *test],
            reason="The convolutions run at the speed of a plain matrix product; loading PyTorch takes the rest.",
        ),
        "lmdb": Work(
            "LMDB from 5,000 JPEG files", "s", 1.8,
            [*python, "lmdb_build", "convert_imageset", "--force", *RESIZE, "./", "5000.txt", "ours_lmdb"],
            ["sh", "-c", f"rm -rf theirs_lmdb; exec {CAFFE}/convert_imageset {' '.join(RESIZE)} ./ 5000.txt theirs_lmdb"],
        ),
        "mean": Work(
            "mean of 10,000 records", "s", 2,
            [*python, "lmdb_build", "compute_image_mean", "--force", "large_lmdb", "ours.binaryproto"],
            [f"{CAFFE}/compute_image_mean", "large_lmdb", "theirs.binaryproto"],
            reason="Reading 1.5 GB takes both the same time, and Python, numpy and OpenCV take 0.2 s to load.",
        ),
        "image": Work(
            "one image through AgeNet on the CPU, f32", "ms", 3, [*python, "tools.bench.image_worker"],
            [f"{CAFFE}/python", str(ROOT / "tools/bench/image_worker.py"), DEPLOY, WEIGHTS], number(r"([\d.]+) ms"),
            reason="OpenVINO's convolutions run near the processor's limit.",
        ),
        "image_bf16": Work(
            "the same, ours in bf16", "ms", 5, [*python, "tools.bench.image_worker", "bf16"],
            [f"{CAFFE}/python", str(ROOT / "tools/bench/image_worker.py"), DEPLOY, WEIGHTS], number(r"([\d.]+) ms"),
        ),
        "res10": Work(
            "one picture through res10 (SSD) on the CPU, f32; theirs is OpenCV's DNN", "ms", 1,
            [*python, "tools.bench.res10_worker", "ir"], [*python, "tools.bench.res10_worker", "opencv"],
            number(r"([\d.]+) ms"),
        ),
        "res10_forward": Work(
            "the same, ours in the training room", "ms", 1, [*python, "tools.bench.res10_worker", "forward"],
            [*python, "tools.bench.res10_worker", "opencv"], number(r"([\d.]+) ms"),
        ),
        "ir": Work(
            "caffemodel to IR, AgeNet, start-up included", "s", 5, [*python, "tools.bench.ir_worker", DEPLOY, WEIGHTS],
            [str(MO), "--framework", "caffe", "--input_proto", DEPLOY, "--input_model", WEIGHTS,
             "--data_type", "FP16", "--output_dir", "mo"],
        ),
        "help": Work("python -m training --help", "s", 0.4, [*python, "training", "--help"], None),
    }  # fmt: skip
    if not BF16_FLAGS & cpu_flags():
        del table["bf16"], table["image_bf16"]
    if not has_files("res10"):
        del table["res10"], table["res10_forward"]
    return table
