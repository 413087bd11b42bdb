"""Interpolate of any version, as that of opset4."""

from __future__ import annotations

import numpy as np
from openvino import Output

from ..layers.layer import constant, integers, reshaped, shape
from .operation import Operation, made

_MODES = {"nearest": "nearest", "linear": "linear_onnx", "linear_onnx": "linear_onnx", "bilinear_pillow": None}


def interpolate(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Resize rows and columns, by nearest pixels or linearly."""
    found = operation.attributes
    before, after = list(shape(inputs[0])), operation.shape()
    if before == after:
        return inputs[:1]
    changed = [axis for axis in range(len(before)) if before[axis] != after[axis]]
    if len(before) != 4 or min(changed) < 2:
        raise operation.error(
            f"resizes axes {changed} of {len(before)}; the stick resizes rows and columns of pictures."
        )
    mode = str(found["mode"]).lower()
    wanted = _MODES.get(mode)
    if wanted is None or found.get("antialias"):
        raise operation.error(
            f"mode {mode}{' with antialias' if found.get('antialias') else ''}: the stick knows nearest and linear. "
            "Export the net with one of them."
        )
    if any((*found.get("pads_begin", ()), *found.get("pads_end", ()))):
        raise operation.error("has a padding, which the stick does not know here.")
    factors = [after[axis] / before[axis] for axis in (2, 3)]
    attributes = {
        "mode": wanted,
        "shape_calculation_mode": "sizes",
        "coordinate_transformation_mode": str(found.get("coordinate_transformation_mode", "asymmetric")),
        "nearest_mode": str(found.get("nearest_mode", "round_prefer_floor")),
        "antialias": False,
        "pads_begin": [0] * 4,
        "pads_end": [0] * 4,
        "cube_coeff": -0.75,
    }
    if wanted == "nearest" and (repeats := _repeats(factors, attributes)) is not None:
        return [_repeated(inputs[0], repeats, after)]
    sizes = [integers(after[2:]), constant(factors), integers([2, 3])]
    return made("opset4", "Interpolate", [inputs[0], *sizes], attributes)


def _repeats(factors: list[float], attributes: dict[str, object]) -> list[int] | None:
    """Return how often each row and column is repeated, where the nearest pixel is that; None for anything else."""
    whole = [round(factor) for factor in factors]
    if any(factor != number or number < 1 for factor, number in zip(factors, whole, strict=True)):
        return None
    mode, rounding = attributes["coordinate_transformation_mode"], attributes["nearest_mode"]
    if (mode, rounding) == ("asymmetric", "floor"):
        return whole
    # The middle of a small pixel lies inside the large one, never on its border.
    if mode in ("half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn") and str(rounding).startswith("round"):
        inside = mode != "tf_half_pixel_for_nn"
        return whole if inside else None
    return None


def _repeated(x: Output, repeats: list[int], target: list[int]) -> Output:
    """Repeat rows and columns: new axes of size 1, Tile, and a Reshape."""
    import openvino.opset1 as op

    batch, channels, height, width = shape(x)
    flat = batch * channels
    apart = reshaped(x, [flat * height, 1, width, 1])
    tiled = op.tile(apart, integers([1, repeats[0], 1, repeats[1]])).output(0)
    assert flat * height * repeats[0] * width * repeats[1] == int(np.prod(target))
    return reshaped(tiled, target)
