"""The command line: `python run_inference.py` or `python -m inference`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from common.errors import UsageError
from common.files import refuse_existing

from .devices import PRECISIONS

EXAMPLE = "python run_inference.py --image_path face.jpg"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--image_path", required=True, metavar="FACE.jpg", help="the picture: one face, cropped")
    parser.add_argument(
        "--mean_file", type=Path, metavar="MEAN.npy", help="only compared: the mean is already inside the network"
    )
    parser.add_argument("--device", default="auto", help="MYRIAD, CPU or auto: a stick if one is there (default)")
    parser.add_argument(
        "--graph", type=Path, default=Path("graph"), metavar="DIR", help="folder of networks and cards (default: graph)"
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

    from faces.pictures import read_picture

    from .annotate import annotate, write_png
    from .mean import check_mean
    from .report import as_json, as_text
    from .runner import Runner

    picture = read_picture(options.image_path)
    with Runner(options.graph, options.device, options.precision) as runner:
        if options.mean_file:
            check_mean(options.mean_file, runner.cards)
        result = runner.answer(picture)
    size = (picture.shape[1], picture.shape[0])
    print((as_json if options.json else as_text)(options.image_path, size, runner, result))
    if options.output:
        write_png(options.output, annotate(picture, result.answers), options.force)
        print(f"wrote {options.output}", file=sys.stderr if options.json else sys.stdout)


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
