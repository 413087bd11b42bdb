"""Measures a net: its size, the time of an inference in FP32, FP16 and INT8, and its figures in each of them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import TEST, NetParameter
from caffe_io.prototxt import read_net
from caffe_io.weights import write_weights
from common.errors import MokaError
from common.places import ROOT, net_files

if TYPE_CHECKING:
    import openvino

    Picture = NDArray[np.uint8]

PRECISIONS = ("FP32", "FP16", "INT8")
THREADS = (1, 2)
# A time is taken for so many seconds, but not more often than this.
SECONDS, MOST_RUNS = 3.0, 300
# Pictures from which NNCF takes the ranges of INT8, and so many where only times are measured.
CALIBRATION, FEW = 300, 4
# Report -> task -> figure, and how it is written.
FIGURES = (
    ("age by decade", "accuracy", "age classes {:.1%}"),
    ("age by decade", "one_off_accuracy", "1-off {:.1%}"),
    ("age", "accuracy", "age classes {:.1%}"),
    ("age", "one_off_accuracy", "1-off {:.1%}"),
    ("years", "mae", "MAE {:.2f}"),
    ("gender", "accuracy", "gender {:.1%}"),
    ("smile", "accuracy", "smile {:.1%}"),
)


@dataclass
class Measured:
    """A net: its size, and by precision the size of its IR in MB, milliseconds by threads, and the figures of `evaluate`."""

    name: str
    shape: tuple[int, ...]
    multiply_adds: int
    weights: int
    caffemodel: float
    blob: float | None
    stages: int | None
    ir: dict[str, float] = field(default_factory=dict)
    times: dict[str, dict[int, float]] = field(default_factory=dict)
    figures: dict[str, str] = field(default_factory=dict)


def write_drawn_weights(net: NetParameter, path: Path) -> None:
    """Write a caffemodel as the fillers draw it, in which a BatchNorm takes its blob as it is."""
    from training.nets.net import Net

    made = Net(net, TEST, seed=1)
    weights = made.weights()
    for layer in net.layer:
        if layer.type == "BatchNorm":
            mean, variance, factor = weights[layer.name]
            weights[layer.name] = [mean, np.ones_like(variance), np.ones_like(factor)]
    path.parent.mkdir(parents=True)
    write_weights(path, net, weights)


def prepare(name: str, folder: Path) -> Path:
    """Make what compile needs of a net in `folder`, but nothing that has learnt; return its caffemodel."""
    from caffe_io.mean import write_mean

    if not (folder / "prototxt").exists():
        (folder / "prototxt").symlink_to(ROOT / "prototxt")
    weights = folder / f"models/{name}/{name}_iter_1.caffemodel"
    write_drawn_weights(read_net(net_files(name, folder / "prototxt").deploy), weights)
    for layer in read_net(net_files(name, folder / "prototxt").train_test).layer:
        mean = layer.transform_param.mean_file
        if mean and not (folder / mean).exists():
            (folder / mean).parent.mkdir(parents=True, exist_ok=True)
            write_mean(folder / mean, np.full((3, 256, 256), 128, np.float32))
    return weights


def moka(folder: Path, *words: object) -> None:
    """Run a verb in `folder`. Raises MokaError with its message if it fails."""
    command = [sys.executable, str(ROOT / "moka"), *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MokaError(f"./moka {' '.join(map(str, words))} in {folder}: {done.stderr.strip()}")


def measure(name: str, folder: Path, weights: Path, out: Path, trained: bool = False) -> Measured:
    """Compile a net with `weights` into `out`, and time it, or, if it was trained, take its figures.

    `folder` holds prototxt/ and, for the figures, the databases.
    """
    for precision in ("FP32", "FP16"):
        words = ("--data_type", precision, "--out", out / precision, "--force")
        moka(folder, "compile", "--net", name, "--weights", weights, *words)
    card = json.loads((out / f"FP16/{name}.json").read_text())
    net = read_net(net_files(name, folder / "prototxt").deploy)
    blob = card.get("blob") or {}
    shape = tuple(net.layer[0].input_param.shape[0].dim)
    sizes = _multiply_adds_and_weights(net)
    stages, bytes_ = blob.get("stages"), blob.get("bytes")
    measured = Measured(name, shape, *sizes, megabytes(weights), bytes_ and bytes_ / 1e6, stages)
    if importlib.util.find_spec("nncf"):
        database = folder / f"data/lmdb/{name}_train"
        pictures = _pictures(database, shape) if trained else _noise(shape)
        quantise(out / f"FP32/{name}.xml", out / f"INT8/{name}.xml", pictures)
    for precision in PRECISIONS:
        ir = out / precision / f"{name}.xml"
        if ir.exists():
            measured.ir[precision] = megabytes(ir.with_suffix(".bin"))
            if trained:
                measured.figures[precision] = accuracy(name, folder, weights, ir)
            else:
                measured.times[precision] = {threads: milliseconds(ir, threads, shape) for threads in THREADS}
    return measured


def megabytes(file: Path) -> float:
    """Return the size of a file in MB."""
    return file.stat().st_size / 1e6


def quantise(ir: Path, to: Path, pictures: Sequence[Picture]) -> None:
    """Write an IR whose weights and maps are INT8. NNCF takes their ranges from the pictures; no training follows."""
    import nncf
    import openvino

    nncf.set_log_level(40)
    dataset = nncf.Dataset(pictures)
    model: openvino.Model = nncf.quantize(openvino.Core().read_model(ir), dataset, subset_size=len(pictures))
    to.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(model, to, compress_to_fp16=False)


def milliseconds(ir: Path, threads: int, shape: Sequence[int]) -> float:
    """Return the time of the quickest inference. The median would say more about what else the processor has to do."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(ir, "CPU", settings).create_infer_request()
    picture = _noise(shape)[0]
    request.infer([picture])
    times: list[float] = []
    while sum(times) < SECONDS and len(times) < MOST_RUNS:
        start = time.perf_counter()
        request.infer([picture])
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def accuracy(name: str, folder: Path, weights: Path, ir: Path) -> str:
    """Return the figures of `evaluate` for an IR, on the test database of the net."""
    out = ir.parent / "figures"
    moka(
        *(folder, "evaluate", "--net", name, "--weights", weights, "--engine", "openvino"),
        *("--ir", ir.resolve(), "--out", out.resolve()),
    )
    (report,) = (path for path in out.glob("*.json"))
    return figures_text(json.loads(report.read_text())["tasks"])


def figures_text(tasks: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the figures that a report has, and on how many pictures."""
    found = [text.format(tasks[task][name]) for task, name, text in FIGURES if task in tasks]
    return f"{', '.join(found)} ({max(task['pictures'] for task in tasks.values())} pictures)"


def _multiply_adds_and_weights(net: NetParameter) -> tuple[int, int]:
    """Return what `./moka draw` counts, but not the statistics of BatchNorm, which are not learnt."""
    from training.drawing.net_table import make_table
    from training.layers import Context

    rows = make_table(net, "net", Context(TEST)).rows
    learnt = sum(row.weights for row in rows if row.layer.type != "BatchNorm")
    return sum(row.multiply_adds for row in rows), learnt


def _noise(shape: Sequence[int]) -> list[Picture]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, shape, dtype=np.uint8) for _ in range(FEW)]


def _pictures(database: Path, shape: Sequence[int]) -> list[Picture]:
    """Return the centres of the first pictures of a training database."""
    from caffe_io.databases.lmdb_store import LmdbReader
    from caffe_io.datum import datum_to_array, parse_datum

    pictures: list[Picture] = []
    with LmdbReader(database) as reader:
        for _, value in reader.items():
            picture = datum_to_array(parse_datum(value)).astype(np.uint8)
            top, left = ((size - side) // 2 for size, side in zip(picture.shape[1:], shape[2:], strict=True))
            pictures.append(picture[None, :, top : top + shape[2], left : left + shape[3]])
            if len(pictures) == CALIBRATION:
                break
    return pictures
