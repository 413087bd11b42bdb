"""The command line: `python run_inference.py` or `python -m inference`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import PictureError, UsageError
from common.files import refuse_existing
from common.places import GRAPH
from faces.detectors import DETECTORS

from .devices import PRECISIONS

if TYPE_CHECKING:
    from faces.detectors import Detector
    from faces.face import Face
    from faces.pictures import Picture

EXAMPLE = "python run_inference.py --image_path face.jpg"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--image_path", required=True, metavar="FACE.jpg", help="the picture: one face, cropped")
    parser.add_argument(
        "--faces",
        metavar="DETECTOR",
        help=f"find the face in the picture first: {', '.join(DETECTORS)} (docs/faces.md)",
    )
    parser.add_argument(
        "--mean_file", type=Path, metavar="MEAN.npy", help="only compared: the mean is already inside the network"
    )
    parser.add_argument("--device", default="auto", help="MYRIAD, CPU or auto: a stick if one is there (default)")
    parser.add_argument(
        "--graph", type=Path, default=GRAPH, metavar="DIR", help="folder of networks and cards (default: graph)"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="f32", help="what a CPU computes in (default: f32)")
    parser.add_argument("--json", action="store_true", help="print JSON, with the probabilities of all classes")
    parser.add_argument("--output", type=Path, metavar="ANNOTATED.png", help="write the face with its answers as a PNG")
    parser.add_argument("--force", action="store_true", help="overwrite --output")


def main(options: argparse.Namespace) -> None:
    """Answer about one picture."""
    if options.output:
        _check_output(options.output, options.force)
    _shorten_imports()

    from faces.detectors import open_detector
    from faces.pictures import read_picture

    from .annotate import annotate, write_png
    from .mean import check_mean
    from .report import as_json, as_text
    from .runner import Runner

    detector = open_detector(options.faces) if options.faces else None
    picture = read_picture(options.image_path)
    face = _find_face(detector, picture, options) if detector else None
    with Runner(options.graph, options.device, options.precision) as runner:
        if options.mean_file:
            check_mean(options.mean_file, runner.cards)
        result = runner.answer(picture, face)
    size = (picture.shape[1], picture.shape[0])
    print((as_json if options.json else as_text)(options.image_path, size, runner, result, face))
    if options.output:
        write_png(options.output, annotate(picture, result.answers, face), options.force)
        print(f"wrote {options.output}", file=sys.stderr if options.json else sys.stdout)


def _find_face(detector: Detector, picture: Picture, options: argparse.Namespace) -> Face:
    """Return the picture's main face. Raises PictureError if there is none."""
    from faces.face import main_face

    found = detector.detect(picture)
    if not found:
        raise PictureError(
            f"{options.image_path}: {options.faces} finds no face. Try another detector, or leave --faces out if the face "
            "fills the picture."
        )
    return main_face(found, picture.shape[0], picture.shape[1])


def _shorten_imports() -> None:
    """Keep openvino and pydantic from importing what the runner never uses."""
    # OpenVINO's model converter.
    sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
    # Plugins of other packages for pydantic.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _check_output(path: Path, force: bool) -> None:
    """Check before the work that its result can be written. Raises UsageError otherwise."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"--output {path}: expected a name that ends in .png.")
    refuse_existing(path, force)
