"""The command line: `python run_inference.py`, `./moka infer` or `python -m inference`.

--image_path asks about one cropped face, as it always did; people.py answers about pictures with any number of faces.
"""

from __future__ import annotations

import argparse
import math
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

EXAMPLE = "python run_inference.py photo.jpg"

EPILOG = """PICTURE is a picture, a folder, a tar archive, a list (.txt), a video, webcam, oak, an rtsp:// or http:// address,
- (standard input), mjpeg@RATE or raw:WIDTHxHEIGHT (frames on standard input, of JPEG or BGR bytes). See docs/inference.md."""
ONLY_OF_PEOPLE = {"no_detect": "--no-detect", "min_face": "--min_face", "benchmark": "--benchmark"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help="answer about everybody in these (see below)")
    parser.add_argument("--image_path", metavar="FACE.jpg", help="answer about this one picture: a face, cropped")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--faces",
        metavar="DETECTOR",
        help=f"find faces with this detector: {', '.join(DETECTORS)} (docs/faces.md; PICTURE: blazeface if its files are there, "
        "else res10 if it is compiled, else haar)",
    )
    where.add_argument("--no-detect", action="store_true", help="each PICTURE is a cropped face")
    where.add_argument(
        "--box", type=_box, metavar="L,T,W,H", help="the face is there: left, top, width, height in pixels"
    )
    parser.add_argument(
        "--min_face", type=_pixels, default=0, metavar="N", help="leave out faces of PICTURE with a side under N pixels"
    )
    parser.add_argument(
        "--mean_file", type=Path, metavar="MEAN.npy", help="only compared: the mean is already inside the network"
    )
    parser.add_argument(
        "--device",
        default="auto",
        help="auto (the default: a stick, else the best that is there) or a name of ./moka devices; BLOB simulates a stick",
    )
    parser.add_argument(
        "--graph", type=Path, default=GRAPH, metavar="DIR", help="folder of networks and cards (default: graph)"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="f32", help="what a CPU computes in (default: f32)")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON, with the probabilities of all classes; for PICTURE a line for each face",
    )
    parser.add_argument(
        "--output",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="write the picture with its answers as a PNG; for PICTURE also .csv, .jsonl, .txt, a video, or a folder of "
        "annotated pictures, and it may be given again",
    )
    parser.add_argument("--force", action="store_true", help="overwrite --output")
    parser.add_argument(
        "--benchmark", action="store_true", help="print the rate and the times of PICTURE alone, and no answers"
    )


def _box(text: str) -> Face:
    from faces.face import Face

    try:
        left, top, width, height = (float(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected four numbers, such as 120,80,200,200") from None
    if not all(map(math.isfinite, (left, top, width, height))) or min(width, height) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a width and a height above 0")
    return Face((left, top, width, height))


def _pixels(text: str) -> float:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of pixels")
    return float(text)


def main(options: argparse.Namespace) -> int | None:
    """Answer about one face, or about all of several pictures. Returns 1 if a picture had to be left out."""
    if options.pictures and options.image_path:
        raise UsageError("--image_path asks about one picture. Leave it out, and name it beside the others.")
    if not options.pictures and not options.image_path:
        raise UsageError(f"no picture is given. For example: {EXAMPLE}")
    if options.pictures:
        from .people import answer_about

        if options.mean_file:
            raise UsageError("--mean_file is for --image_path alone. The mean is inside the network anyway.")
        _shorten_imports()
        return answer_about(options)
    _answer_about_one(options)
    return None


def _answer_about_one(options: argparse.Namespace) -> None:
    for name, option in ONLY_OF_PEOPLE.items():
        if getattr(options, name):
            raise UsageError(f"{option} is for pictures that are named without --image_path: {EXAMPLE} {option}")
    if len(options.output) > 1:
        raise UsageError("--output is given several times; with --image_path there is one.")
    output = options.output[0] if options.output else None
    if output:
        _check_output(output, options.force)
    _shorten_imports()

    from faces.detectors import open_detector
    from faces.pictures import read_picture

    from .annotate import annotate, write_png
    from .mean import check_mean
    from .report import as_json, as_text
    from .runner import Runner

    detector = open_detector(options.faces, options.graph) if options.faces else None
    picture = read_picture(options.image_path)
    face = _find_face(detector, picture, options) if detector else options.box
    with Runner(options.graph, options.device, options.precision) as runner:
        if options.mean_file:
            check_mean(options.mean_file, runner.cards)
        result = runner.answer(picture, face)
    size = (picture.shape[1], picture.shape[0])
    print((as_json if options.json else as_text)(options.image_path, size, runner, result, face))
    if output:
        write_png(output, annotate(picture, result.answers, face), options.force)
        print(f"wrote {output}", file=sys.stderr if options.json else sys.stdout)


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
