"""One Caffe layer with its weights, as the functions of this package receive it, and helpers for OpenVINO."""

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
class TrainedLayer:
    """A layer: its parameters, its trained blobs in Caffe's order, and the files they came from, for messages.

    `only_consumer` says that no other layer reads its first bottom, so that it may be folded into its producer.
    """

    parameter: LayerParameter
    blobs: Sequence[Array]
    net_file: str
    weights_file: str
    only_consumer: bool = False

    def weight(self, index: int, *expected: int) -> Array:
        """Return blob `index`, which must have the shape `expected`; leading ones (legacy files) are dropped.

        Raises ConversionError with layer, blob, the shape found and the shape expected.
        """
        if index >= len(self.blobs):
            raise self.error(
                f"needs {index + 1} or more blobs of weights, but {self.weights_file} has {len(self.blobs)} for it. "
                "Give the caffemodel that was trained with this net."
            )
        found = self.blobs[index].shape
        if not same_shape(found, expected):
            raise self.error(
                f"blob {index} in {self.weights_file} has shape {shape_text(found)}, expected {shape_text(expected)}. "
                "Give the caffemodel that was trained with this net."
            )
        return self.blobs[index].reshape(expected)

    def refuse_training(self, what: str) -> None:
        """Raise ConversionError if the layer's own `phase: TRAIN` makes it do `what`, as in Caffe, even in the TEST phase."""
        if self.parameter.HasField("phase") and self.parameter.phase == TRAIN:
            raise self.error(f"its own `phase: TRAIN` makes it {what}, even in TEST. Take that out of the deploy net.")

    def error(self, text: str) -> ConversionError:
        """Make an error about this layer, for the caller to raise."""
        place = place_of(self.net_file, self.parameter)
        return ConversionError(f'{place}: layer "{self.parameter.name}" ({self.parameter.type}): {text}')


Build = Callable[[TrainedLayer, list[Output]], list[Output]]
"""A function of this package: from a layer and its bottoms to its tops."""


def shape(output: Output) -> tuple[int, ...]:
    """Return the shape of a bottom; it is always known, because a deploy net fixes its input."""
    return tuple(output.get_shape())


def axis_of(layer: TrainedLayer, axis: int, axes: int) -> int:
    """Return Caffe's `axis` (a negative one counts from the end) as a number from 0 to axes - 1."""
    if not -axes <= axis < axes:
        raise layer.error(f"axis {axis} is out of range; its bottom has {axes} axes.")
    return axis % axes


def constant(values: npt.ArrayLike) -> Output:
    """Make a float32 constant of the network."""
    # Not opset1.constant, which makes a list of the numbers first.
    return Constant(np.array(values, dtype=np.float32, order="C")).output(0)


def integers(values: int | Sequence[int]) -> Output:
    """Make an int64 constant: axes, shapes, or one number."""
    return Constant(np.array(values, dtype=np.int64)).output(0)


def reshaped(output: Output, target: Sequence[int]) -> Output:
    """Give `output` another shape of the same size."""
    return op.reshape(output, integers(target), special_zero=False).output(0)


def per_channel(values: Array, axes: int, axis: int = 1) -> Output:
    """Make a constant that is broadcast over a blob of `axes` axes; its own axes begin at `axis`."""
    return constant(values.reshape((1,) * axis + values.shape + (1,) * (axes - axis - values.ndim)))
