"""Reads a model file of ONNX, TFLite or OpenVINO IR in a process of its own, and gives it fixed shapes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UsageError
from common.helper import Helper, HelperEnded, HelperError, HelperRefused, HelperTimeout
from common.inputs import check_input
from common.messages import last_line

from ..errors import ConversionError

if TYPE_CHECKING:
    from openvino import Model

FORMATS = {".onnx": "NCHW", ".tflite": "NHWC", ".xml": "NCHW"}
"""Suffix -> the usual order of a picture's axes, where the shape alone does not say it."""
WORKER = Path(__file__).with_name("reading_worker.py")
SECONDS = 600.0
_GIB = 1 << 30


@dataclass(frozen=True)
class ModelFile:
    """A model that today's OpenVINO has read.

    `shapes` are input -> shape, in order; each Parameter is called by its input's name. `outputs` are the names of the
    results, in order. `batch_note` says why the batch is 1, if the file left it open.
    """

    model: Model
    shapes: dict[str, tuple[int, ...]]
    outputs: list[str]
    batch_note: str


def is_model_file(path: Path | None) -> bool:
    """Whether a path is that of a model, not of a Caffe net."""
    return path is not None and path.suffix.lower() in FORMATS


def read_model(
    path: Path,
    weights: Path | None = None,
    shapes: Sequence[Sequence[int]] = (),
    batch: int | None = None,
    outputs: Sequence[str] = (),
) -> ModelFile:
    """Read `path`, whose weights may lie in another file, and end it at `outputs`.

    Pictures are N x C x H x W in the model, whatever they are in the file. `shapes` are in the order of the file. Raises
    ConversionError for a file that OpenVINO cannot read, and UsageError for shapes or outputs that do not fit it.
    """
    import openvino

    beside = path.with_suffix(".bin") if path.suffix.lower() == ".xml" else None
    weights = weights or (beside if beside is not None and beside.exists() else None)
    files = [path, *([weights] if weights else [])]
    size = 0
    for file in files:
        try:
            size += check_input(file).stat().st_size
        except OSError as error:
            raise ConversionError(f"{file}: cannot be read ({error.strerror}).") from error
    with tempfile.TemporaryDirectory(prefix="moka-") as folder:
        xml, bin = Path(folder, "model.xml"), Path(folder, "model.bin")
        request = {
            "model": str(path.resolve()),
            "weights": str(weights.resolve()) if weights else "",
            "shapes": [list(shape) for shape in shapes],
            "batch": batch,
            "outputs": list(outputs),
            "layout": FORMATS[path.suffix.lower()],
            "xml": str(xml),
            "bin": str(bin),
            "memory": _memory() + 8 * size,
        }
        values = _ask(path, request)
        # Read into memory, because the folder goes.
        model = openvino.Core().read_model(xml.read_bytes(), bin.read_bytes())
    found = {entry["name"]: tuple(entry["shape"]) for entry in values["inputs"]}
    return ModelFile(model, found, values["outputs"], values["note"])


def _memory() -> int:
    """Return how much address space the reader may take, in bytes: half the memory, and what libraries reserve."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 + 4 * _GIB


def _ask(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Let the worker read. Raises ConversionError or UsageError about `path`."""
    try:
        with Helper("OpenVINO's reader", Path(sys.executable), WORKER, keep_python_path=True) as helper:
            return helper.call("read", request, seconds=SECONDS).values
    except HelperRefused as error:
        if error.kind == "Problem":
            raise UsageError(f"{path}: {error.reason}") from error
        if error.kind == "MemoryError" or "bad_alloc" in error.reason:
            raise ConversionError(f"{path}: needs more memory than there is. Is it damaged?") from error
        why = last_line(ValueError(error.reason))
        raise ConversionError(
            f"{path}: today's OpenVINO cannot read it: {why}. Is it complete, and of the kind that its name says?"
        ) from error
    except HelperTimeout as error:
        raise ConversionError(f"{path}: OpenVINO was still reading after {SECONDS:g} s and was stopped.") from error
    except HelperEnded as error:
        raise ConversionError(f"{path}: OpenVINO crashed when it read this file. Is it damaged?") from error
    except HelperError as error:
        raise ConversionError(f"{path}: {error}") from error
