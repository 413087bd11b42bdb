"""One Caffe layer with its weights, as the functions of this package receive it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import openvino.opset1 as op
from openvino import Output
from openvino.op import Constant

from caffe_io.blobs import Array, same_shape
from caffe_io.caffe_pb2 import TRAIN, LayerParameter
from caffe_io.text.layer_place import place_of
from common.messages import shape_text

from ..errors import ConversionError


@dataclass(frozen=True)
class Layer:
    """A layer's parameters, its trained blobs in Caffe's order, the files they came from (for messages), and whether no
    other layer takes its first bottom."""

    parameter: LayerParameter
    blobs: Sequence[Array]
    net_file: str
    weights_file: str
    alone: bool = False

    def weight(self, index: int, *wanted: int) -> Array:
        """Blob `index`, which must have the shape `wanted`; ones in front (legacy files) are taken off.

        Raises ConversionError that names layer, blob, shape found and shape wanted.
        """
        if index >= len(self.blobs):
            raise self.error(
                f"needs {index + 1} or more blobs of weights, but {self.weights_file} has {len(self.blobs)} for it. "
                "Give the caffemodel that was trained with this net."
            )
        found = self.blobs[index].shape
        if not same_shape(found, wanted):
            raise self.error(
                f"blob {index} in {self.weights_file} has shape {shape_text(found)}, wanted {shape_text(wanted)}. "
                "Give the caffemodel that was trained with this net."
            )
        return self.blobs[index].reshape(wanted)

    def refuse_training(self, what: str) -> None:
        """Raise ConversionError for a layer that its own `phase: TRAIN` lets do `what`, in Caffe in the TEST phase as well."""
        if self.parameter.HasField("phase") and self.parameter.phase == TRAIN:
            raise self.error(f"its own `phase: TRAIN` lets it {what}, even in TEST. Take that out of the deploy net.")

    def error(self, text: str) -> ConversionError:
        """An error about this layer, ready to be raised."""
        place = place_of(self.net_file, self.parameter)
        return ConversionError(f'{place}: layer "{self.parameter.name}" ({self.parameter.type}): {text}')


Build = Callable[[Layer, list[Output]], list[Output]]
"""What this package is made of: from a layer and its bottoms to its tops."""


def shape(output: Output) -> tuple[int, ...]:
    """The shape of a bottom; always known, for a deploy net fixes its input."""
    return tuple(output.get_shape())


def axis_of(layer: Layer, axis: int, axes: int) -> int:
    """Caffe's `axis` (negative counts from the end) as a number from 0 to axes - 1."""
    if not -axes <= axis < axes:
        raise layer.error(f"axis {axis} is out of range for a bottom of {axes} axes.")
    return axis % axes


def constant(values: npt.ArrayLike) -> Output:
    """A float32 constant of the network."""
    # not opset1.constant, which makes a list of the numbers first
    return Constant(np.array(values, dtype=np.float32, order="C")).output(0)


def integers(values: int | Sequence[int]) -> Output:
    """An int64 constant: axes, shapes, or one number."""
    return Constant(np.array(values, dtype=np.int64)).output(0)


def reshaped(output: Output, wanted: Sequence[int]) -> Output:
    """`output` in another shape of the same size."""
    return op.reshape(output, integers(wanted), special_zero=False).output(0)


def per_channel(values: Array, axes: int, axis: int = 1) -> Output:
    """A constant that is broadcast over a blob of `axes` axes, its own axes beginning at `axis`."""
    return constant(values.reshape((1,) * axis + values.shape + (1,) * (axes - axis - values.ndim)))
