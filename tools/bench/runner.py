"""Times the runner: the whole loop, a net alone beside OpenVINO's benchmark_app and OpenCV, the start, and the memory.

    python -m tools.bench.runner [--pictures 60] [--rounds 3]

It makes what it needs: photographs of three drawn faces, and AgeNet and GenderNet with drawn weights. Both sides of a line run in
turn, and the line has their medians. Nothing else should be running; it takes about three minutes on two cores.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.commands import Parser, run
from common.errors import MokaError
from common.places import ROOT

if TYPE_CHECKING:
    from inference import FaceAnalyzer

NETS = ("AgeNet", "GenderNet")
SEEDS = (3, 5, 10)
"""Of the drawn people. Haar and BlazeFace find all three in each of these pictures."""


def photographs(folder: Path, count: int) -> Path:
    """Write JPEGs of 1280x720 with three drawn people each."""
    import cv2

    from tools.sample_faces import people

    folder.mkdir()
    drawn = [people(seed) for seed in SEEDS]
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:03}.jpg"), drawn[number % len(drawn)])
    return folder


def graph_of(folder: Path) -> Path:
    """Compile the nets, with weights as their fillers draw them, into folder/graph."""
    from tools.net_table.measure import moka, prepare

    for name in NETS:
        moka(folder, "compile", "--net", name, "--weights", prepare(name, folder), "--out", "graph")
    return folder / "graph"


def one_by_one(analyzer: FaceAnalyzer, pictures: Path, out: Path) -> None:
    """The plain loop: read, find, compute, draw and write, one after another."""
    from faces.pictures import read_picture
    from inference.frame import Frame
    from inference.outputs import About, open_outputs

    with open_outputs([("pictures", out)], About.of(analyzer.runner)) as outputs:
        for path in sorted(pictures.iterdir()):
            picture = read_picture(path)
            outputs.write(Frame(str(path), picture), analyzer.analyze(picture))


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
    if done.returncode:
        raise MokaError(f"run_inference.py: {done.stderr.strip()}")
    found = re.search(r'"peak_memory_mib": ([\d.]+)', done.stdout)
    return time.perf_counter() - begun, float(found[1]) if found else 0.0


def main(argv: Sequence[str]) -> None:
    """Print the figures as a Markdown table."""
    parser = Parser("python -m tools.bench.runner", "python -m tools.bench.runner", "time the runner beside its peers")
    parser.add_argument("--pictures", type=int, default=60, help="how many photographs (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: %(default)s)")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="moka-bench-") as temporary:
        folder = Path(temporary)
        pictures, graph = photographs(folder / "photos", options.pictures), graph_of(folder)
        plain, ours = loops(graph, pictures, options.rounds, folder)
        nets = [
            (net_alone(graph, "CPU"), benchmark_app(graph / "AgeNet.xml"), net_alone(graph, "OPENCV"))
            for _ in range(options.rounds)
        ]
        alone, app, opencv = (statistics.median(column) for column in zip(*nets, strict=True))
        starts = [first_answer(graph, pictures / "000.jpg") for _ in range(options.rounds)]
    seconds, memory = statistics.median(each[0] for each in starts), max(each[1] for each in starts)
    from inference.outputs.summary import cores, processor

    print(f"{processor()}, {cores()} cores; photographs of 1280x720 with 3 faces; AgeNet and GenderNet\n")
    rows = [
        ("what", "here", "beside it", "ratio"),
        ("---",) * 4,
        (
            "read, find, two nets, draw, write",
            f"{ours:.1f} pictures/s",
            f"{plain:.1f}, step by step",
            f"{ours / plain:.2f}",
        ),
        ("AgeNet alone", f"{alone:.2f} ms", f"{app:.2f} ms, benchmark_app", f"{app / alone:.2f}"),
        ("AgeNet alone", f"{alone:.2f} ms", f"{opencv:.2f} ms, OpenCV on the caffemodel", f"{opencv / alone:.2f}"),
        ("start to the answers about one photograph", f"{seconds:.2f} s", "", ""),
        ("memory, with detector and two nets", f"{memory:.0f} MiB", "", ""),
    ]
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    run(main)
