"""Prints how long the face detector res10 takes for one picture, from pixels to boxes: the median of 30 runs after 5.

    python -m tools.bench.res10_worker SIDE [THREADS]

SIDE is ir (our IR on today's OpenVINO), forward (the training room) or opencv (OpenCV's DNN). All compute in float32.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from faces.detectors.files import require_files
from tools.res10_check import SIDE, Detector, opencv, openvino, trained, write_irs

PICTURE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def detector(side: str, folder: Path) -> Detector:
    """Return one side's detector."""
    (weights,) = require_files("res10")
    if side == "ir":
        return openvino(write_irs(weights, folder)["FP32"])
    return {"forward": trained, "opencv": opencv}[side](weights)


def main() -> None:
    """Time the side that the command line names."""
    side, *threads = sys.argv[1:]
    if threads:
        import cv2
        import torch

        cv2.setNumThreads(int(threads[0]))
        torch.set_num_threads(int(threads[0]))
    with tempfile.TemporaryDirectory() as folder:
        detect = detector(side, Path(folder))
    times = []
    for _ in range(35):
        begun = time.perf_counter()
        detect(PICTURE)
        times.append(time.perf_counter() - begun)
    print(f"{1000 * statistics.median(times[5:]):.2f} ms")


if __name__ == "__main__":
    main()
