"""The command line: `python run_inference.py` or `python -m inference`."""

from __future__ import annotations

import argparse
import io
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .devices import PRECISIONS
from .errors import InferenceError, OutputError, UsageError

NEEDED = {"cv2": "OpenCV", "numpy": "numpy", "openvino": "OpenVINO"}


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="run_inference.py", description="Tell age and gender from the picture of one face.", allow_abbrev=False
    )
    options.add_argument("--image_path", required=True, metavar="FACE.jpg", help="the picture: one face, cropped")
    options.add_argument(
        "--mean_file", metavar="MEAN.npy", help="only compared: the mean is already inside the network"
    )
    options.add_argument("--device", default="auto", help="MYRIAD, CPU or auto: a stick if one is there (default)")
    options.add_argument(
        "--graph", default="graph", metavar="DIR", help="folder of networks and cards (default: graph)"
    )
    options.add_argument("--precision", choices=PRECISIONS, default="f32", help="what a CPU computes in (default: f32)")
    options.add_argument("--json", action="store_true", help="print JSON, with the probabilities of all classes")
    options.add_argument("--output", metavar="ANNOTATED.png", help="write the face with its answers as a PNG")
    options.add_argument("--force", action="store_true", help="overwrite --output")
    options.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    """Answer about one picture. Raises InferenceError."""
    options = parser().parse_args(argv)
    if options.output:
        _check_output(Path(options.output), options.force)

    from .annotate import annotate, write_png
    from .card import read_cards
    from .mean import check_mean
    from .picture import read_picture
    from .report import as_json, as_text
    from .runner import Runner

    picture = read_picture(options.image_path)
    if options.mean_file:
        check_mean(options.mean_file, read_cards(options.graph))
    with Runner(options.graph, options.device, options.precision) as runner:
        result = runner.answer(picture)
    size = (picture.shape[1], picture.shape[0])
    print((as_json if options.json else as_text)(options.image_path, size, runner, result))
    if options.output:
        write_png(Path(options.output), annotate(picture, result.answers), options.force)
        print(f"wrote {options.output}", file=sys.stderr if options.json else sys.stdout)


def run(argv: Sequence[str] | None = None) -> NoReturn:
    """`main`, with errors as one line on stderr and the exit code of their class."""
    arguments = sys.argv[1:] if argv is None else argv
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name need not be text that a terminal can show
    try:
        main(arguments)
    except BrokenPipeError:  # `... | head` has seen enough
        sys.stderr.close()
    except (InferenceError, ModuleNotFoundError, KeyboardInterrupt) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        message, code = _explain(error)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(code)
    sys.exit(0)


def _explain(error: BaseException) -> tuple[str, int]:
    """Message and exit code."""
    if isinstance(error, InferenceError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "stopped", 130
    if isinstance(error, ModuleNotFoundError) and error.name in NEEDED:
        return (
            f"{NEEDED[error.name]} is not installed for {sys.executable}: use .venv/bin/python (./demo.sh makes it), "
            f"or run {sys.executable} -m pip install -r locks/runner.txt"
        ), 1
    raise error


def _check_output(path: Path, force: bool) -> None:
    """See before the work whether its result can be written."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"--output {path}: wanted a name that ends in .png")
    if path.is_dir() or (path.exists() and not force):
        raise OutputError(f"{path}: is there already; name another file" + ("" if path.is_dir() else " or add --force"))
