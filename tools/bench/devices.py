"""Faces through the networks of a folder on this CPU: one by one, as a stream of requests, and as batches.

    .venv/bin/python -m tools.bench.devices --graph graph

Beside them are OpenVINO's own benchmark_app on the same IR, and OpenCV on the caffemodel that it was compiled from, where that is
found. The ways take turns, so other work on the machine slows all of them. benchmark_app runs after each turn.

"ms" is the time a face, "cores" the time that processors spent on it, which other work changes little. benchmark_app leaves out
copying pictures in and answers out; the other ways do both.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.commands import run
from common.errors import MokaError
from common.places import VENV_PYTHON
from inference.devices import open_device

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

BATCHES = (4, 16)
APP_SECONDS = 2


def main(words: Sequence[str]) -> None:
    """Measure and print a table for each network."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.devices", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--graph", type=Path, default=Path("graph"))
    parser.add_argument("--faces", type=int, default=32, help="at a time (default: 32)")
    parser.add_argument("--rounds", type=int, default=20, help="turns of each way (default: 20)")
    options = parser.parse_args(words)

    from common.card import read_cards

    for card in read_cards(options.graph):
        for line in measure(card, options.faces, options.rounds):
            print(line)


def measure(card: ModelCard, faces: int, rounds: int) -> list[str]:
    """Return the lines of a network's table."""
    import numpy as np

    random = np.random.default_rng(1)
    tensors = [random.integers(0, 256, card.input.shape, dtype=np.uint8) for _ in range(faces)]
    ways, skipped = ways_of(card, tensors)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    rates = []
    for number in range(rounds + 1):
        for name, way in ways.items():
            begun, spent = time.perf_counter(), time.process_time()
            way()
            took = (time.perf_counter() - begun) * 1e3 / faces, (time.process_time() - spent) * 1e3 / faces
            # The first turn warms up.
            if number:
                times[name].append(took)
        if number % 5 == 1:
            rates += benchmark_app(card.xml_path)
    lines = [f"{card.name}: {faces} faces at a time, {rounds} turns", f"{'way':34}{'ms':>8}{'best':>8}{'cores':>8}"]
    for name, found in times.items():
        wall, processor = [each[0] for each in found], [each[1] for each in found]
        lines.append(f"{name:34}{statistics.median(wall):8.2f}{min(wall):8.2f}{statistics.median(processor):8.2f}")
    if rates:
        lines.append(f"{'benchmark_app, throughput':34}{statistics.median(rates):8.2f}{min(rates):8.2f}")
    return lines + skipped


def ways_of(card: ModelCard, tensors: Sequence[NDArray[np.uint8]]) -> tuple[dict[str, Callable[[], Any]], list[str]]:
    """Return the ways to measure, and lines about those that are not there."""
    latency = open_device("CPU", [card], hint="latency")
    throughput = open_device("CPU", [card], hint="throughput")
    ways: dict[str, Callable[[], Any]] = {
        "one by one, latency": lambda: [latency.infer(card, tensor) for tensor in tensors],
        "one by one, throughput": lambda: [throughput.infer(card, tensor) for tensor in tensors],
        "stream of requests, latency": lambda: latency.infer_many(card, tensors),
        "stream of requests, throughput": lambda: throughput.infer_many(card, tensors),
    }
    for size in BATCHES:
        ways[f"batches of {size}, latency"] = batches(card, tensors, size)
    skipped = []
    try:
        peer = open_device("OPENCV", [card])
    except MokaError as error:
        skipped.append(f"OpenCV: {error}")
    else:
        ways["OpenCV, one by one"] = lambda: peer.infer_many(card, tensors)
        network = peer._networks[card.path]  # type: ignore[attr-defined]
        ways["OpenCV, one batch"] = lambda: network.run(joined(tensors))
    return ways, skipped


def batches(card: ModelCard, tensors: Sequence[NDArray[np.uint8]], size: int) -> Callable[[], None]:
    """Return a function that runs all tensors in batches, on a network that takes batches of `size`."""
    import openvino as ov

    core = ov.Core()
    model = core.read_model(card.xml_path)
    _free_batch(model)
    model.reshape({model.inputs[0]: [size, *card.input.shape[1:]]})
    config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", config).create_infer_request()

    def run_all() -> None:
        for first in range(0, len(tensors), size):
            part = list(tensors[first : first + size])
            part += part[:1] * (size - len(part))
            request.infer([joined(part)])

    return run_all


def joined(tensors: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Join tensors along the batch."""
    import numpy as np

    return np.concatenate(tensors)


def _free_batch(model: Any) -> None:
    """Let reshapes to 1 x N take any batch: the compiler wrote the size 1 into them."""
    from openvino import opset1

    for operation in model.get_ordered_ops():
        if operation.get_type_name() != "Reshape":
            continue
        shape = operation.input_value(1).get_node()
        if shape.get_type_name() != "Constant":
            continue
        sizes = shape.get_data().copy()
        if len(sizes) and sizes[0] == 1 and -1 not in sizes:
            sizes[0] = -1
            operation.input(1).replace_source_output(opset1.constant(sizes).output(0))


def benchmark_app(xml: Path) -> list[float]:
    """Return the milliseconds a face of OpenVINO's own benchmark, or nothing if it cannot be run."""
    program = VENV_PYTHON.with_name("benchmark_app")
    if not program.exists():
        return []
    options = ["-d", "CPU", "-hint", "throughput", "-infer_precision", "f32", "-t", str(APP_SECONDS)]
    command = [str(program), "-m", str(xml), *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=120)
    found = re.search(r"Throughput:\s*([\d.]+) FPS", done.stdout)
    return [1e3 / float(found[1])] if found else []


if __name__ == "__main__":
    run(main, sys.argv[1:], "train")
