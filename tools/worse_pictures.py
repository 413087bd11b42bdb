"""Measures how a net of the recipes bears worse pictures: its figures on the test database, and on changed copies of it.

    python -m tools.worse_pictures --home utkface_out --net FaceRes

The home is the working folder of a recipe. The pictures are changed at the size that the database has, before the crop.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.commands import Parser, run
from common.errors import MokaError
from common.places import ROOT

Picture = NDArray[np.uint8]
"""Height x width x channels, BGR or grey."""


def noise(picture: Picture, level: float) -> Picture:
    """Add Gaussian noise of this standard deviation in grey levels; the same for pictures of one size."""
    drawn = np.random.default_rng(0).normal(0, level, picture.shape)
    return np.clip(np.rint(picture + drawn), 0, 255).astype(np.uint8)


def blur(picture: Picture, sigma: float) -> Picture:
    """Blur with a Gaussian of this standard deviation in pixels."""
    import cv2

    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8).reshape(picture.shape)


def darken(picture: Picture, factor: float) -> Picture:
    """Multiply the grey levels."""
    return np.asarray(np.rint(picture * factor), np.uint8)


def jpeg(picture: Picture, quality: float) -> Picture:
    """Write as JPEG of this quality, and read again."""
    import cv2

    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8).reshape(picture.shape)


def grey(picture: Picture, _: float) -> Picture:
    """Replace all channels by their mean."""
    return np.broadcast_to(np.rint(picture.mean(2, keepdims=True)).astype(np.uint8), picture.shape)


CHANGES: dict[str, tuple[Callable[[Picture, float], Picture], float]] = {
    "as they are": (darken, 1),
    "noise of 4 grey levels": (noise, 4),
    "noise of 8": (noise, 8),
    "blurred by 0.7 pixels": (blur, 0.7),
    "blurred by 1.2": (blur, 1.2),
    "half as bright": (darken, 0.5),
    "JPEG of quality 20": (jpeg, 20),
    "grey": (grey, 0),
}
"""What was done to the pictures -> the function, and how strong it is."""
FIGURES = ("mae", "accuracy")


def write_changed(source: Path, out: Path, change: Callable[[Picture, float], Picture], strength: float) -> None:
    """Write a copy of a database whose pictures are changed; keys and labels stay."""
    from caffe_io.databases.lmdb_store import LmdbReader, write_lmdb
    from caffe_io.datum import array_to_datum, datum_to_array, parse_datum

    with LmdbReader(source) as reader, write_lmdb(out) as writer:
        for key, value in reader.items():
            datum = parse_datum(value, str(source))
            before = np.asarray(datum_to_array(datum, str(source)), np.uint8).transpose(1, 2, 0)
            after = np.ascontiguousarray(change(before, strength).transpose(2, 0, 1))
            writer.put(key, array_to_datum(after, datum.label).SerializeToString())


def figures(net: str, weights: Path, folder: Path) -> dict[str, float]:
    """Run evaluate in `folder`; return task and figure -> value."""
    command = [
        sys.executable,
        str(ROOT / "moka"),
        "evaluate",
        "--net",
        net,
        "--weights",
        str(weights),
        "--looks",
        "mirror",
    ]
    done = subprocess.run([*command, "--out", "out"], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise MokaError(f"evaluate ended with exit code {done.returncode}:\n{done.stderr[-2000:]}")
    (report,) = (folder / "out").glob("*.json")
    tasks = json.loads(report.read_text())["tasks"]
    return {f"{task}: {name}": found[name] for task, found in tasks.items() for name in FIGURES if name in found}


def main(argv: Sequence[str]) -> None:
    """Print a Markdown table: a row for each change."""
    from caffe_io.weights import newest_snapshot

    example = "python -m tools.worse_pictures --home utkface_out --net FaceRes"
    parser = Parser("python -m tools.worse_pictures", example, "measure a net on worse pictures")
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="the working folder of a recipe")
    parser.add_argument("--net", required=True, help="prototxt/NAME in it, and data/lmdb/NAME_test and its labels")
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help=".caffemodel (default: the newest snapshot in models/NAME)"
    )
    options = parser.parse_args(argv)
    here, place = options.home.resolve(), Path(f"data/lmdb/{options.net}_test")
    weights: Path = options.weights or newest_snapshot(here / "models" / options.net)
    for number, (name, (change, strength)) in enumerate(CHANGES.items()):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / place).parent.mkdir(parents=True)
            (folder / "prototxt").symlink_to(here / "prototxt")
            (folder / "data/soft").symlink_to(here / "data/soft")
            (folder / f"{place}_labels").symlink_to((here / f"{place}_labels").resolve())
            write_changed(here / place, folder / place, change, strength)
            found = figures(options.net, weights.resolve(), folder)
        if number == 0:
            print(f"| pictures | {' | '.join(found)} |\n|---|{'---|' * len(found)}")
        cells = [f"{value:.2f}" if key.endswith("mae") else f"{100 * value:.1f} %" for key, value in found.items()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    run(main)
