"""Times the runner: the whole loop, a net alone beside OpenVINO's benchmark_app and OpenCV, the start, and the memory.

    python -m tools.bench.runner [--pictures 60] [--rounds 3]

It makes what it needs: photographs of three drawn faces, and nets with drawn weights. Both sides of a line run in turn, and the
line has their medians. Nothing else should be running; it takes about three minutes on two cores.

The plain loop is what a script would do with the same parts: one picture after another, and of its faces one after another
through one net after the other. It runs with the two small nets of the recipes, and with AgeNet and GenderNet. These use both
cores by themselves for three quarters of the plain loop, so there the runner has little to gain.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.commands import Parser, run
from common.errors import MokaError
from common.places import ROOT
from common.process.cores import cores

from .machine import machine

if TYPE_CHECKING:
    from inference import FaceAnalyzer

NETS: tuple[tuple[str, ...], ...] = (("FaceRes", "FaceResSmile"), ("AgeNet", "GenderNet"))
SEEDS = (3, 5, 10)
"""Of the drawn people. Haar and BlazeFace find all three in each of these pictures."""
LOOP, APP, OPENCV = 1.6, 1 / 1.1, 1.5
"""Goals: how many times faster than the plain loop, than benchmark_app, and than OpenCV on the same caffemodel."""
START, MEMORY = 1.5, 350
"""Goals in seconds and MiB."""
BUSY = 0.5
"""Load average over a minute from which on other programs are in the way."""


@dataclass(frozen=True)
class Figures:
    """What was measured. Of each pair of nets, `loops` has the pictures a second of the plain loop and of the runner's.

    AgeNet's milliseconds are `alone` here, `app` by OpenVINO's own benchmark and `opencv` by OpenCV. `start` is in seconds,
    `memory` in MiB.
    """

    loops: dict[tuple[str, ...], tuple[float, float]]
    alone: float
    app: float
    opencv: float
    start: float
    memory: float


def photographs(folder: Path, count: int) -> Path:
    """Write JPEGs of 1280x720 with three drawn people each."""
    import cv2

    from tools.sample_faces import people

    folder.mkdir()
    drawn = [people(seed) for seed in SEEDS]
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:03}.jpg"), drawn[number % len(drawn)])
    return folder


def graph_of(folder: Path, nets: Sequence[str]) -> Path:
    """Compile nets, with weights as their fillers draw them, into folder/graph."""
    import numpy as np

    from caffe_io.mean import read_mean
    from tools.net_table.measure import moka, prepare

    folder.mkdir(exist_ok=True)
    graph = folder / "graph"
    for name in nets:
        moka(folder, "compile", "--net", name, "--weights", prepare(name, folder), "--out", graph.name)
    # OpenCV subtracts the mean from what it is given; in the compiled nets it is inside.
    for path in folder.rglob("*.binaryproto"):
        np.save(graph / f"{path.stem}.npy", read_mean(path))
    return graph


def one_by_one(analyzer: FaceAnalyzer, pictures: Path, out: Path) -> None:
    """The plain loop: read, find, ask each net about each face, draw and write, one after another."""
    from faces.pictures import read_picture
    from inference.analyzer import Analysis, AnalyzedFace
    from inference.frame import Frame
    from inference.outputs import About, open_outputs

    with open_outputs([("pictures", out)], About.of(analyzer.runner)) as outputs:
        for path in sorted(pictures.iterdir()):
            picture = read_picture(path)
            faces = [
                AnalyzedFace(analyzer.runner.answer(picture, face).answers, face)
                for face in analyzer.find(picture).faces
            ]
            outputs.write(Frame(str(path), picture), Analysis(picture.shape[1], picture.shape[0], tuple(faces)))


def overlapped(analyzer: FaceAnalyzer, pictures: Path, out: Path) -> None:
    """The runner's own loop."""
    from inference.frame import Unreadable
    from inference.outputs import About, open_outputs
    from inference.people import Session

    with open_outputs([("pictures", out)], About.of(analyzer.runner)) as outputs:
        for item in Session(analyzer, [str(pictures)]):
            assert not isinstance(item, Unreadable)
            outputs.write(*item)


def loops(graph: Path, pictures: Path, rounds: int, folder: Path) -> tuple[float, float]:
    """Return pictures a second of the plain loop and of the runner's."""
    from inference import FaceAnalyzer

    count = len(list(pictures.iterdir()))
    rates: dict[Callable[[FaceAnalyzer, Path, Path], None], list[float]] = {one_by_one: [], overlapped: []}
    # The hints are those that the command gives for one picture and for many.
    with FaceAnalyzer(graph, "CPU") as plain, FaceAnalyzer(graph, "CPU", hint="throughput") as many:
        for number in range(rounds):
            for (loop, own), analyzer in zip(rates.items(), (plain, many), strict=True):
                begun = time.perf_counter()
                loop(analyzer, pictures, folder / f"{loop.__name__}_{number}")
                own.append(count / (time.perf_counter() - begun))
    return statistics.median(rates[one_by_one]), statistics.median(rates[overlapped])


def net_alone(graph: Path, device: str, runs: int = 60) -> float:
    """Return the median milliseconds of one face through the first net, picture already prepared."""
    import numpy as np

    from inference import Runner

    with Runner(graph, device) as runner:
        card = runner.cards[0]
        tensor = np.random.default_rng(0).integers(0, 256, card.input.shape, dtype=np.uint8)
        times = []
        for _ in range(runs):
            begun = time.perf_counter()
            runner.device.infer(card, tensor)
            times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times[10:])


def benchmark_app(xml: Path, seconds: int = 5) -> float:
    """Return the median milliseconds that OpenVINO's own benchmark measures for one request after another."""
    program = Path(sys.executable).with_name("benchmark_app")
    words = [str(program), "-m", str(xml), "-d", "CPU", "-api", "sync", "-hint", "latency", "-t", str(seconds)]
    words += ["-infer_precision", "f32"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    found = re.search(r"Median:\s+([\d.]+) ms", done.stdout)
    if not found:
        raise MokaError(f"{program}: gave no median. It said: {(done.stdout + done.stderr).strip()[-500:]}")
    return float(found[1])


def first_answer(graph: Path, picture: Path) -> tuple[float, float]:
    """Return the seconds from the start of the command to its end, with one photograph, and the most MiB that it took."""
    words = [sys.executable, str(ROOT / "run_inference.py"), str(picture), "--device", "CPU", "--graph", str(graph)]
    words += ["--benchmark", "--json"]
    begun = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise MokaError(f"run_inference.py: {done.stderr.strip()}")
    found = re.search(r'"peak_memory_mib": ([\d.]+)', done.stdout)
    if not found:
        raise MokaError(f"run_inference.py: said nothing about its memory: {done.stdout.strip()[-500:]}")
    return seconds, float(found[1])


def measure(folder: Path, count: int, rounds: int) -> Figures:
    """Measure everything, with files in `folder`."""
    pictures = photographs(folder / "photos", count)
    graphs = {nets: graph_of(folder / nets[0], nets) for nets in NETS}
    rates = {nets: loops(graph, pictures, rounds, folder / nets[0]) for nets, graph in graphs.items()}
    graph = graphs[NETS[-1]]
    turns = [
        (net_alone(graph, "CPU"), benchmark_app(graph / "AgeNet.xml"), net_alone(graph, "OPENCV"))
        for _ in range(rounds)
    ]
    alone, app, opencv = (statistics.median(column) for column in zip(*turns, strict=True))
    starts = [first_answer(graph, pictures / "000.jpg") for _ in range(rounds)]
    start = statistics.median(seconds for seconds, _ in starts)
    return Figures(rates, alone, app, opencv, start, max(memory for _, memory in starts))


def table(figures: Figures) -> str:
    """Return the figures as a Markdown table, with the goals."""
    rows = [("what", "here", "beside it", "ratio", "goal", "reached"), ("---",) * 6]

    def add(what: str, here: str, beside: str, ratio: float, goal: float) -> None:
        rows.append((what, here, beside, f"{ratio:.2f}", f"{goal:.3g}", _yes(ratio >= goal)))

    for nets, (plain, ours) in figures.loops.items():
        what = f"read, find, {' and '.join(nets)}, draw, write"
        add(what, f"{ours:.1f} pictures/s", f"{plain:.1f}, step by step", ours / plain, LOOP)
    alone = f"{figures.alone:.2f} ms"
    add("AgeNet alone", alone, f"{figures.app:.2f} ms, benchmark_app", figures.app / figures.alone, APP)
    add("AgeNet alone", alone, f"{figures.opencv:.2f} ms, OpenCV DNN", figures.opencv / figures.alone, OPENCV)
    start, memory = figures.start, figures.memory
    what = "start to the answers about one photograph, AgeNet and GenderNet"
    rows.append((what, f"{start:.2f} s", "", "", f"under {START:g} s", _yes(start < START)))
    what = "memory, with detector, AgeNet and GenderNet"
    rows.append((what, f"{memory:.0f} MiB", "", "", f"under {MEMORY:g} MiB", _yes(memory < MEMORY)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"


def main(argv: Sequence[str]) -> None:
    """Print the figures as a Markdown table."""
    parser = Parser("python -m tools.bench.runner", "python -m tools.bench.runner", "time the runner beside its peers")
    parser.add_argument("--pictures", type=int, default=60, help="how many photographs (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: %(default)s)")
    options = parser.parse_args(argv)
    load = os.getloadavg()[0]
    if load > BUSY:
        print(
            f"The load average is {load:.1f}: other programs run, and these figures will not be those of an idle machine."
        )
    with tempfile.TemporaryDirectory(prefix="moka-bench-") as temporary:
        figures = measure(Path(temporary), options.pictures, options.rounds)
    where = f"{machine()}, {cores()} cores, load average {load:.1f} at the start"
    print(f"{where}; photographs of 1280x720 with 3 faces\n\n{table(figures)}")


if __name__ == "__main__":
    run(main)
